package cli

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"youmiflow/workflows"
)

// heedHangups reads the configuration again whenever SIGHUP asks for it, until ctx ends.
func (d *daemon) heedHangups(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-d.hangups:
			d.reload(ctx)
		}
	}
}

// reload puts in force what of the configuration can change while the daemon works. When anything of it is wrong, all stays
// as it is.
func (d *daemon) reload(ctx context.Context) {
	next, err := d.readAgain()
	if err == nil {
		err = d.apply(ctx, next)
	}
	if err != nil {
		d.stale.Store(&err)
		d.app.logger().Error("the configuration stays as it is: what is there now cannot be used", "error", err)
		return
	}
	before := d.current.Swap(next)
	d.stale.Store(nil)
	d.growth.poke()
	if err := d.engine.LimitsChanged(ctx); err != nil && ctx.Err() == nil {
		d.app.logger().Warn("what waits for the limits goes on when it would have under those before", "error", err)
	}
	if later := needRestart(before.Source, next.Source); len(later) > 0 {
		d.app.logger().Warn("some settings have changed that are in force when the daemon is started again", "settings", strings.Join(later, ", "))
	}
	d.app.logger().Info("the configuration was read again")
}

// readAgain reads youmiflow.yaml: that of the folder, or of the commit that is followed.
func (d *daemon) readAgain() (*workflows.Project, error) {
	if d.served.branch != nil {
		if project := d.folder.Snapshot().Project; project != nil {
			return project, nil
		}
		return d.current.Load(), nil
	}
	project, problems := workflows.LoadProject(d.project.dir, d.app.Lookup)
	if problems.HasErrors() {
		return nil, problems
	}
	return project, nil
}

// apply puts a configuration in force. What can fail comes first.
func (d *daemon) apply(ctx context.Context, next *workflows.Project) error {
	tokens, err := next.Tokens()
	if err != nil {
		return err
	}
	if d.certificate != nil && next.Server.Cert != "" {
		if err := d.certificate.load(next.Server); err != nil {
			return err
		}
	}
	if err := d.retell(ctx, next); err != nil {
		return fmt.Errorf("notify: %w", err)
	}
	if err := d.suppression.follow(&project{dir: next.Dir, config: next}); err != nil {
		return err
	}
	d.web.SetTokens(tokens)
	d.limiter.SetShared(next.Limits)
	d.engine.SetLimits(next.Limits)
	return nil
}

// retell has people be told through the channels of another configuration.
func (d *daemon) retell(ctx context.Context, next *workflows.Project) error {
	if d.telling == nil {
		return nil
	}
	notifier, err := d.app.openNotifier(context.WithoutCancel(ctx), &project{dir: next.Dir, config: next}, next.Channels(), d.channelHealth)
	if err != nil {
		return err
	}
	d.telling.change(context.WithoutCancel(ctx), notifier)
	return nil
}

// reloaded are the settings that apply takes. Workflows are read again by themselves.
func reloaded() []string {
	return []string{"limits", "suppress", "notify", "retention", "server.tokens"}
}

// needRestart lists the settings in which two texts of youmiflow.yaml differ, without those that are in force at once. A
// certificate can be another one, but a listener that speaks plain HTTP goes on with that.
func needRestart(before, after []byte) []string {
	was, is := settings(before), settings(after)
	var changed []string
	for name := range was {
		if _, there := is[name]; !there {
			changed = append(changed, name)
		}
	}
	for name, value := range is {
		if old, there := was[name]; !there || !reflect.DeepEqual(old, value) {
			changed = append(changed, name)
		}
	}
	slices.Sort(changed)
	return slices.DeleteFunc(changed, func(name string) bool {
		return slices.Contains(reloaded(), name) || name == "server.tls" && was[name] != nil && is[name] != nil
	})
}

// settings are the keys of a youmiflow.yaml, those of `server` one by one.
func settings(source []byte) map[string]any {
	all, flat := map[string]any{}, map[string]any{}
	if err := yaml.Unmarshal(source, &all); err != nil {
		return flat // it has been read before: this cannot be
	}
	for name, value := range all {
		inner, ok := value.(map[string]any)
		if name != "server" || !ok {
			flat[name] = value
			continue
		}
		for key, value := range inner {
			flat["server."+key] = value
		}
	}
	return flat
}
