package workflows

import (
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"youmiflow/internal/diagnostic"
)

// Server is the key `server` of a project: where the daemon listens, and who may use its API.
type Server struct {
	Listen string // host:port; DefaultListen unless given
	// Cert and Key are the files of a TLS certificate, absolute; "" without one.
	Cert, Key string

	tokens []tokenSetting
	events setting
}

// DefaultListen is where the daemon listens unless it is told: no other machine reaches it.
const DefaultListen = "127.0.0.1:8686"

// Role is what somebody may do. Each may do what those before it may.
type Role string

// The roles.
const (
	RoleViewer   Role = "viewer"   // look
	RoleOperator Role = "operator" // and start, steer and decide runs
	RoleAdmin    Role = "admin"    // and hold or clear accounts, pause schedules, end takeovers
)

// May reports whether the role is enough for what another one may do. A role that there is not may do nothing.
func (r Role) May(least Role) bool { return r.rank() >= least.rank() && r.rank() > 0 }

func (r Role) rank() int {
	switch r {
	case RoleViewer:
		return 1
	case RoleOperator:
		return 2
	case RoleAdmin:
		return 3
	}
	return 0
}

// Token lets a program, or a person with a command, use the API.
type Token struct {
	Name   string // who it is, for the audit
	Role   Role
	Secret Secret
}

// ShortestToken is how long the text of a token is at the least, so that nobody guesses it.
const ShortestToken = 16

type tokenSetting struct {
	name string
	role Role
	text setting
}

var (
	serverKeys = keySetOf(
		key{"listen", textShape, "Where the daemon listens, as HOST:PORT. Without it, " + DefaultListen + ", which no other machine reaches."},
		key{"tls", orNothing(refShape("tls")), "A certificate, for a daemon that other machines reach."},
		key{"tokens", orNothing(listShape(refShape("token"))), "Who may use the API. Without a token there is none."},
		key{"events", textShape, "The last part of the address /events/... that the platform pushes events to, at least 22 letters and digits that nobody can guess. Write ${NAME}. Without it, no events."},
		key{"users", anythingShape, "Who may sign in to the pages."},
	)
	tlsKeys = keySetOf(
		key{"cert", textShape, "The file with the certificate and those that it hangs on, as PEM."},
		key{"key", textShape, "The file with its key, as PEM."},
	).needing("cert", "key")
	tokenKeys = keySetOf(
		key{"name", textShape, "Who it is: what this token does is kept under that name."},
		key{"role", wordShape(RoleViewer, RoleOperator, RoleAdmin), "What it may do: a viewer looks, an operator also starts and steers runs, an admin also holds accounts, pauses schedules and ends takeovers."},
		key{"token", textShape, "The token itself, at least 16 characters. Keep it in the environment or in .env, and write ${NAME} here."},
	).needing("name", "role", "token")
)

// readServer reads the key `server`.
func (p *Project) readServer(d *decoder, node *yaml.Node) {
	all, ok := d.fields(node, "server", serverKeys)
	if !ok {
		return
	}
	if node := all.get("listen"); node != nil {
		if address, ok := d.expanded(node, "listen", p.lookup); ok && d.address(node, address) {
			p.Server.Listen = address
		}
	}
	if node := all.get("tls"); node != nil && !isNull(node) {
		p.readTLS(d, node)
	}
	if node := all.get("tokens"); node != nil && !isNull(node) {
		p.readTokens(d, node)
	}
	if e, ok := all.byName["events"]; ok {
		p.readEvents(d, e)
	}
	if e, ok := all.byName["users"]; ok {
		d.warn(d.text.spanOf(e.key), "not-yet", `"users" is not in force yet`)
	}
}

// address refuses what nobody can listen at.
func (d *decoder) address(node *yaml.Node, address string) bool {
	_, port, err := net.SplitHostPort(address)
	if n, wrong := strconv.Atoi(port); err != nil || wrong != nil || n < 0 || n > 65535 {
		d.at(node, "not-allowed", "listen: %q is no address: write HOST:PORT, such as %s", address, DefaultListen)
		return false
	}
	return true
}

func (p *Project) readTLS(d *decoder, node *yaml.Node) {
	all, ok := d.fields(node, "tls", tlsKeys)
	if !ok || !d.complete(all, "tls", tlsKeys) {
		return
	}
	for name, into := range map[string]*string{"cert": &p.Server.Cert, "key": &p.Server.Key} {
		if file, ok := d.expanded(all.get(name), "tls."+name, p.lookup); ok {
			*into = file
			if !filepath.IsAbs(file) {
				*into = filepath.Join(p.Dir, file)
			}
		}
	}
}

// readEvents reads the secret of the address that events are pushed to.
func (p *Project) readEvents(d *decoder, e entry) {
	d.hide(e.value)
	place := d.secretPlace(e.key, e.value)
	if e.value.Kind != yaml.ScalarNode || e.value.Tag != "!!str" && e.value.Tag != "!!timestamp" || strings.TrimSpace(e.value.Value) == "" {
		d.add(place, "wrong-type", fmt.Sprintf("events needs text, and this is %s: write ${NAME}, in quotes", kindOf(e.value)), "")
		return
	}
	if !strings.Contains(e.value.Value, "${") {
		d.warn(place, "plain-secret", "the secret of events stands in the file: keep it in the environment or in .env, and write ${NAME} here")
	}
	p.Server.events = setting{text: e.value.Value, file: d.file, span: place, private: d.private}
}

// EventSecret looks up the secret of the address that events are pushed to; an empty one when the project has none. The
// error is a diagnostic.List and names each variable that is not set.
func (p *Project) EventSecret() (Secret, error) {
	if p.Server.events.text == "" {
		return Secret{}, nil
	}
	found := &problems{file: p.File}
	text := p.Server.events.expand(p.lookup, found)
	if found.bad {
		return Secret{}, found.sorted().Err()
	}
	return NewSecret(text), nil
}

// ReceivesEvents reports whether the project's daemon has an address that events are pushed to.
func (p *Project) ReceivesEvents() bool { return p.Server.events.text != "" }

// complete reports each key that an object cannot be without and that it has not.
func (d *decoder) complete(all fields, what string, keys keySet) bool {
	whole := true
	for _, name := range keys.needed {
		if !all.has(name) {
			d.at(all.node, "missing-key", "%s needs the key %q", what, name)
			whole = false
		}
	}
	return whole
}

func (p *Project) readTokens(d *decoder, node *yaml.Node) {
	if node.Kind != yaml.SequenceNode {
		d.wrong(node, "tokens", "a list")
		return
	}
	names := map[string]bool{}
	for i, node := range node.Content {
		what := fmt.Sprintf("tokens[%d]", i)
		all, ok := d.fields(node, what, tokenKeys)
		if !ok || !d.complete(all, what, tokenKeys) {
			continue
		}
		one, ok := p.readToken(d, all, what)
		if !ok {
			continue
		}
		if names[one.name] {
			d.at(all.get("name"), "not-allowed", "%s: there is another token %q already: give each its own name", what, one.name)
			continue
		}
		names[one.name] = true
		p.Server.tokens = append(p.Server.tokens, one)
	}
}

// readToken reads one. What is wrong with its text is reported at its name.
func (p *Project) readToken(d *decoder, all fields, what string) (tokenSetting, bool) {
	d.hide(all.get("token"))
	name, named := d.expanded(all.get("name"), what+".name", p.lookup)
	role, known := d.str(all.get("role"), what+".role")
	if known && Role(role).rank() == 0 {
		d.add(d.text.spanOf(all.get("role")), "not-allowed", fmt.Sprintf("%s: there is no role %q: write viewer, operator or admin", what, role),
			diagnostic.Suggest(role, []string{string(RoleViewer), string(RoleOperator), string(RoleAdmin)}))
		known = false
	}
	place, node := d.text.spanOf(all.get("name")), all.get("token")
	if node.Kind != yaml.ScalarNode || node.Tag != "!!str" && node.Tag != "!!timestamp" || strings.TrimSpace(node.Value) == "" {
		d.add(place, "wrong-type", fmt.Sprintf("%s.token needs text, and this is %s: write ${NAME}, in quotes", what, kindOf(node)), "")
		return tokenSetting{}, false
	}
	if !strings.Contains(node.Value, "${") {
		d.warn(place, "plain-secret", fmt.Sprintf("the token %q stands in the file: keep it in the environment or in .env, and write ${NAME} here", name))
	}
	return tokenSetting{name: name, role: Role(role), text: setting{text: node.Value, file: d.file, span: place, private: d.private}}, named && known
}

// Tokens looks up the texts of all tokens. The error is a diagnostic.List and names each variable that is not set and each
// token that is too short or not its own, and never a text.
func (p *Project) Tokens() ([]Token, error) {
	found := &problems{file: p.File}
	var tokens []Token
	names := map[string]string{} // by the text
	for _, one := range p.Server.tokens {
		before := len(found.list)
		text := one.text.expand(p.lookup, found)
		if len(found.list) > before {
			continue
		}
		if len(text) < ShortestToken {
			found.add(one.text.span, "short-secret", fmt.Sprintf("the token %q has %d characters, and it needs %d so that nobody guesses it: make one with `openssl rand -hex 32`",
				one.name, len(text), ShortestToken), "")
			continue
		}
		if other, taken := names[text]; taken { // who of the two did something could not be told, nor what they may do
			found.add(one.text.span, "not-allowed", fmt.Sprintf("the token %q has the same text as %q: give each its own", one.name, other), "")
			continue
		}
		names[text] = one.name
		tokens = append(tokens, Token{Name: one.name, Role: one.role, Secret: NewSecret(text)})
	}
	if found.bad {
		return nil, found.sorted().Err()
	}
	return tokens, nil
}

// Expand replaces each ${NAME} of a text by its variable, as in a setting; by nothing where it is not set.
func (p *Project) Expand(text string) string {
	return setting{text: text}.expand(p.lookup, &problems{})
}

// Variable looks up an environment variable, or what .env beside youmiflow.yaml says of it.
func (p *Project) Variable(name string) (string, bool) { return p.lookup(name) }
