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
		err = emptied(d.current.Load(), next)
	}
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
	if gone := unguarded(before, next); len(gone) > 0 {
		d.app.logger().Warn("settings that guarded accounts and customers are gone from the configuration, and so not in force any more", "settings", strings.Join(gone, ", "))
	}
	if later := needRestart(before, next); len(later) > 0 {
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

// emptied refuses a configuration that sets nothing in place of one that did: a file that is being written, a disk that is
// away. Nobody wants all limits and lists gone while messages leave.
func emptied(before, next *workflows.Project) error {
	if len(settings(before)) == 0 || len(settings(next)) > 0 {
		return nil
	}
	const meant = "if that is meant, start the daemon again"
	if next.File == "" {
		return fmt.Errorf("there is no youmiflow.yaml in %s any more; %s", next.Dir, meant)
	}
	return fmt.Errorf("%s has no settings any more; %s", next.File, meant)
}

// unguarded lists what kept accounts and customers from harm, and is not there any more.
func unguarded(before, next *workflows.Project) []string {
	var gone []string
	if len(before.Limits) > 0 && len(next.Limits) == 0 {
		gone = append(gone, "limits")
	}
	if len(before.Suppress) > 0 && len(next.Suppress) == 0 {
		gone = append(gone, "suppress")
	}
	return gone
}

// needRestart lists the settings in which two configurations differ, without those that are in force at once. A certificate
// can be another one, but a listener that speaks plain HTTP goes on with that.
func needRestart(before, after *workflows.Project) []string {
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

// settings are the keys of a youmiflow.yaml, those of `server` one by one, with what its variables hold in their place.
func settings(project *workflows.Project) map[string]any {
	all, flat := map[string]any{}, map[string]any{}
	if err := yaml.Unmarshal(project.Source, &all); err != nil {
		return flat // it has been read before: this cannot be
	}
	for name, value := range all {
		value = filled(value, project)
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

// filled is a value with its variables looked up, to be compared and not to be shown.
func filled(value any, project *workflows.Project) any {
	switch value := value.(type) {
	case string:
		return project.Expand(value)
	case map[string]any:
		for key, inner := range value {
			value[key] = filled(inner, project)
		}
	case []any:
		for i, inner := range value {
			value[i] = filled(inner, project)
		}
	}
	return value
}
