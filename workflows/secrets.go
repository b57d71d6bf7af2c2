package workflows

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"youmiflow/internal/diagnostic"
	"youmiflow/internal/expression"
	"youmiflow/internal/redact"
)

// SecretNames may be implemented by a Catalogue that belongs to a project: then expressions may only read the secrets that
// the project has.
type SecretNames interface {
	// Secrets lists the names; known is false when nobody can say which there are.
	Secrets() (names []string, known bool)
}

// readSecrets reads `secrets`: names and the texts they stand for, with their variables not yet looked up.
func (p *Project) readSecrets(d *decoder, node *yaml.Node) {
	for i := 1; i < len(node.Content); i += 2 { // one that is there twice as well
		d.hide(node.Content[i])
	}
	all, ok := d.object(node, "secrets")
	if !ok {
		return
	}
	for _, e := range all.entries {
		name, ok := d.identifier(e.key, "the secret")
		if !ok {
			continue
		}
		place := d.secretPlace(e.key, e.value)
		if e.value.Kind != yaml.ScalarNode || e.value.Tag != "!!str" || e.value.Value == "" {
			d.add(place, "wrong-type", fmt.Sprintf("the secret %q needs text, and this is %s: write ${NAME}, in quotes", name, kindOf(e.value)), "")
			continue
		}
		if !strings.Contains(e.value.Value, "${") {
			d.warn(place, "plain-secret", fmt.Sprintf("the secret %q stands in the file: keep it in the environment or in .env, and write ${NAME} here", name))
		}
		p.secrets[name] = setting{text: e.value.Value, file: d.file, span: place, private: d.private}
	}
}

// SecretNames lists the secrets of the project, sorted; known is false without a youmiflow.yaml.
func (p *Project) SecretNames() (names []string, known bool) {
	return slices.Sorted(maps.Keys(p.secrets)), p.File != ""
}

// Secrets looks up the values of all secrets that have one. CheckSecrets says what is wrong with the others.
func (p *Project) Secrets() map[string]Secret {
	values := map[string]Secret{}
	for name := range p.secrets {
		found := &problems{}
		if value := p.secret(name, found); !found.bad {
			values[name] = NewSecret(value)
		}
	}
	return values
}

// CheckSecrets finds out whether every secret that a workflow reads, or one that it calls, has a value. The error is a
// diagnostic.List and names each missing variable, and never a value.
func (p *Project) CheckSecrets(w *Workflow) error {
	found := &problems{}
	checked := map[string]bool{}
	for _, one := range w.Reach() {
		for _, read := range one.Secrets {
			if _, ok := p.secrets[read.Name]; !ok {
				found.file = one.File
				found.add(read.Span, "unknown-secret", noSecret(read.Name),
					diagnostic.Suggest(read.Name, slices.Collect(maps.Keys(p.secrets))))
			} else if !checked[read.Name] {
				checked[read.Name], found.file = true, p.File
				p.secret(read.Name, found)
			}
		}
	}
	if found.bad {
		return found.sorted().Err()
	}
	return nil
}

// secret looks one up. The variable YOUMIFLOW_SECRETS_NAME stands above the file.
func (p *Project) secret(name string, found *problems) string {
	s := p.secrets[name]
	value, ok := p.lookup("YOUMIFLOW_SECRETS_" + variableName(name))
	if !ok {
		before := len(found.list)
		if value = s.expand(p.lookup, found); len(found.list) > before {
			return ""
		}
	}
	if len(value) < redact.Shortest {
		found.add(s.span, "short-secret", fmt.Sprintf("the secret %q has %d characters, too few to be hidden: it needs %d", name, len(value), redact.Shortest), "")
	}
	return value
}

// secretsType is what `secrets` holds in expressions.
func (p *parser) secretsType() expression.Type {
	t := expression.Type{Kind: expression.Object, Fields: map[string]expression.Type{}, Open: true}
	project, ok := p.catalogue.(SecretNames)
	if !ok {
		return t
	}
	names, known := project.Secrets()
	t.Open = !known
	for _, name := range names {
		t.Fields[name] = text1
	}
	return t
}

// noteSecrets keeps which secrets an expression reads, and refuses what would have one kept.
func (d *decoder) noteSecrets(program *expression.Program, place func(start, end int) diagnostic.Span) bool {
	if !strings.Contains(program.Source(), "secrets") {
		return true
	}
	sound := true
	for _, member := range program.Members("secrets") {
		span := place(member.Start, member.End)
		switch {
		case member.Name == "":
			d.add(span, "unnamed-secret", "which secret is meant has to be known before the run: write secrets.NAME", "")
			sound = false
		case d.kept != "":
			d.add(span, "kept-secret", fmt.Sprintf("%s is kept in the ledger, where no secret may stand: write secrets.%s where it is used", d.kept, member.Name), "")
			sound = false
		case d.sent != "":
			d.add(span, "sent-secret", fmt.Sprintf("what %s says reaches people, and no secret may: this would send secrets.%s itself", d.sent, member.Name), "")
			sound = false
		case !slices.ContainsFunc(d.secrets, func(known Column) bool { return known.Name == member.Name }):
			d.secrets = append(d.secrets, Column{Name: member.Name, Span: span})
		}
	}
	return sound
}

// keeping reads what is kept in the ledger, in which no secret may stand.
func (d *decoder) keeping(what string, read func()) {
	around := d.kept
	d.kept = what
	defer func() { d.kept = around }()
	read()
}

// sending reads the inputs of a step. Those of one that reaches people say what these read; what api.call and http.request
// make is the writer's own affair.
func (d *decoder) sending(typ *StepType, read func()) {
	if typ.Effect == EffectMessage && typ.Operation != nil {
		d.sent = typ.Name
		defer func() { d.sent = "" }()
	}
	read()
}

func noSecret(name string) string {
	return fmt.Sprintf("there is no secret %q: add it under `secrets` in youmiflow.yaml", name)
}
