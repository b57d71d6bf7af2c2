package workflows

import (
	"fmt"
	"net/url"
	"strings"

	"gopkg.in/yaml.v3"

	"youmiflow/internal/diagnostic"
)

var (
	connectionKeys = keySetOf(
		key{"base_url", settingShape, "Where the API is, such as https://api.example.com. The vendor publishes no host."},
		key{"token_url", settingShape, "Where the token comes from. Without it, the one address that the vendor documents."},
		key{"client_id", settingShape, "From the billing back office (计费云后台). ${NAME} is read from the environment or .env."},
		key{"client_secret", settingShape, "From the billing back office (计费云后台). Keep it in the environment or in .env, and write ${NAME} here."},
		key{"tenant_id", settingShape, "For resellers only."},
		key{"v1", orNothing(refShape("v1")), "For signed calls of version 1."},
		key{"operations", orNothing(operationsShape), "What operations really are like, by their ids, where the vendor's documents leave it open."},
	)
	v1Keys = keySetOf(
		key{"base_url", settingShape, "The address up to and with /v1."},
		key{"appid", settingShape, "The monitor id (监控ID)."},
		key{"appkey", settingShape, "The key of the back office (后台). Keep it in the environment or in .env, and write ${NAME} here."},
	)
	operationKeys = keySetOf(
		key{"path", pathShape, "Its path, such as /v2/ChatMess/endTakeOver."},
		key{"method", wordShape("GET", "POST"), "Its method."},
		key{"confirmed", switchShape, "true: somebody has tried it, and it works like this."},
		key{"fields", orNothing(namedShape(textShape)), "What the platform calls the fields of the request: OURS: THEIRS."},
	)

	connectionScalars = []override{{"base_url", true}, {"token_url", true}, {"client_id", true}, {"client_secret", true}, {"tenant_id", true}}
	v1Scalars         = []override{{"base_url", true}, {"appid", true}, {"appkey", true}}
	operationScalars  = []override{{"path", true}, {"method", true}, {"confirmed", false}}
)

// Connection is one entry of `connections`, with its variables not yet looked up.
type Connection struct {
	Name string
	// Operations override what the vendor's documents leave open, by the operation's name.
	Operations map[string]OperationOverride
	File       string
	Span       diagnostic.Span

	settings map[string]setting // by key; those of v1 as v1.KEY
	lookup   Lookup
	private  map[int]bool // lines that hold secrets
}

// OperationOverride says where an operation really is. Empty fields change nothing.
type OperationOverride struct {
	Path   string
	Method string
	// Fields renames top-level fields of the request on the wire: the name of openapi.yaml to the platform's own.
	Fields    map[string]string
	Confirmed bool // the operation works like this, as somebody has tried
	Span      diagnostic.Span
}

// ConnectionSettings are a connection's values, ready for use. URLs have no slash at the end. Without a TokenURL, the
// client goes to the one address that the vendor documents.
type ConnectionSettings struct {
	Name         string
	BaseURL      string
	TokenURL     string
	ClientID     string
	ClientSecret Secret
	TenantID     string // "" unless a reseller's
	V1           V1Settings
	Operations   map[string]OperationOverride
}

// V1Settings are those of signed v1 calls; empty when they are not used.
type V1Settings struct {
	BaseURL string
	AppID   string
	AppKey  Secret
}

func (p *Project) readConnections(d *decoder, node *yaml.Node) {
	all, ok := d.object(node, "connections")
	if !ok {
		return
	}
	for _, e := range all.entries {
		name, ok := d.identifier(e.key, "the connection")
		c := p.connection(d, e)
		if c.Name = name; ok {
			p.Connections[name] = c
		}
	}
}

func (p *Project) connection(d *decoder, e entry) *Connection {
	c := &Connection{File: d.file, Span: d.text.spanOf(e.key), settings: map[string]setting{}, Operations: map[string]OperationOverride{}, lookup: p.lookup, private: d.private}
	c.hideSecrets(d, e.value)
	if isNull(e.value) {
		return c
	}
	all, ok := d.fields(e.value, "a connection", connectionKeys)
	if !ok {
		return c
	}
	for _, one := range connectionScalars {
		c.take(d, all, one.key, one.key)
	}
	if node := all.get("v1"); node != nil && !isNull(node) {
		if v1, ok := d.fields(node, "v1", v1Keys); ok {
			for _, one := range v1Scalars {
				c.take(d, v1, one.key, "v1."+one.key)
			}
		}
	}
	if node := all.get("operations"); node != nil && !isNull(node) {
		c.operations(d, node)
	}
	return c
}

// hideSecrets keeps lines from being shown that hold a secret, or what may be one under a misspelt key.
func (c *Connection) hideSecrets(d *decoder, node *yaml.Node) {
	for i := 0; node.Kind == yaml.MappingNode && i+1 < len(node.Content); i += 2 {
		switch key, value := node.Content[i].Value, node.Content[i+1]; key {
		case "base_url", "token_url", "client_id", "tenant_id", "appid", "operations":
		case "v1":
			c.hideSecrets(d, value)
		default:
			d.hide(value)
		}
	}
}

// take keeps a setting; an empty one is none.
func (c *Connection) take(d *decoder, all fields, key, as string) {
	node := all.get(key)
	if node == nil || isNull(node) || node.Kind == yaml.ScalarNode && node.Value == "" {
		return
	}
	s := setting{text: node.Value, file: d.file, span: d.text.spanOf(node), private: d.private}
	secret := key == "client_secret" || key == "appkey"
	switch {
	case d.origin[node] != "":
		s.span = c.Span
	case secret:
		s.span = d.secretPlace(all.byName[key].key, node)
	}
	if node.Kind != yaml.ScalarNode || node.Tag != "!!str" {
		d.add(s.span, "wrong-type", fmt.Sprintf("%s needs text, and this is %s: put it in quotes", as, kindOf(node)), "")
		return
	}
	if secret && !strings.Contains(node.Value, "${") && d.origin[node] == "" {
		d.warn(s.span, "plain-secret", fmt.Sprintf("%s stands in the file: keep it in the environment or in .env, and write ${NAME} here", as))
	}
	c.settings[as] = s
}

func (c *Connection) operations(d *decoder, node *yaml.Node) {
	all, ok := d.object(node, "operations")
	if !ok {
		return
	}
	for _, e := range all.entries {
		operation, ok := d.fields(e.value, "an operation", operationKeys)
		if !ok {
			continue
		}
		o := OperationOverride{Span: d.text.spanOf(e.key)}
		if node := operation.get("path"); node != nil {
			if o.Path, ok = d.str(node, "path"); ok && !strings.HasPrefix(o.Path, "/") {
				d.at(node, "not-allowed", "a path begins with /, as in /v2/ChatMess/endTakeOver")
			}
		}
		if node := operation.get("method"); node != nil {
			if o.Method, ok = d.str(node, "method"); ok && o.Method != "GET" && o.Method != "POST" {
				d.at(node, "not-allowed", "method is GET or POST, not %q", o.Method)
			}
		}
		if node := operation.get("confirmed"); node != nil {
			o.Confirmed, _ = d.boolean(node, "confirmed")
		}
		if node := operation.get("fields"); node != nil && !isNull(node) {
			o.Fields = d.fieldNames(node)
		}
		c.Operations[e.key.Value] = o
	}
}

// fieldNames reads what the platform really calls the fields of a request. Which fields there are is known to the client,
// which refuses others.
func (d *decoder) fieldNames(node *yaml.Node) map[string]string {
	all, ok := d.object(node, "fields")
	if !ok {
		return nil
	}
	names := map[string]string{}
	for _, e := range all.entries {
		names[e.key.Value], _ = d.str(e.value, "fields."+e.key.Value)
	}
	return names
}

// Resolve looks the variables up and checks what every call needs. The error is a diagnostic.List that names each
// missing variable and setting at its place, and never a value.
func (c *Connection) Resolve() (*ConnectionSettings, error) {
	found := &problems{file: c.File, private: c.private}
	get := func(key string, required bool) string {
		s, ok := c.settings[key]
		before := len(found.list)
		text := s.expand(c.lookup, found)
		if required && strings.TrimSpace(text) == "" && len(found.list) == before {
			c.missing(key, s, ok, found)
		}
		return text
	}
	address := func(key string, required bool) string {
		before := len(found.list)
		text := get(key, required)
		if text == "" || len(found.list) > before {
			return ""
		}
		parsed, err := url.Parse(text)
		if err != nil || parsed.Scheme != "http" && parsed.Scheme != "https" || parsed.Host == "" {
			found.add(c.settings[key].span, "not-allowed", key+" needs a whole URL such as https://api.example.com", "")
		}
		return strings.TrimRight(text, "/")
	}
	s := &ConnectionSettings{
		Name: c.Name, Operations: c.Operations,
		BaseURL: address("base_url", true), TokenURL: address("token_url", false),
		ClientID: get("client_id", true), ClientSecret: NewSecret(get("client_secret", true)), TenantID: get("tenant_id", false),
		V1: V1Settings{BaseURL: address("v1.base_url", false), AppID: get("v1.appid", false), AppKey: NewSecret(get("v1.appkey", false))},
	}
	if found.bad {
		return nil, found.sorted().Err()
	}
	return s, nil
}

// missing reports a setting that every call needs: one that is not there, or of which the variables are empty, as in a
// .env that was copied and not filled in.
func (c *Connection) missing(key string, s setting, there bool, found *problems) {
	if variables := s.variables(); there && len(variables) > 0 {
		found.add(s.span, "missing-setting", fmt.Sprintf("the connection %q has an empty %s: fill in %s in .env or in the environment",
			c.Name, key, strings.Join(variables, " and ")), "")
		return
	}
	variable := "YOUMIFLOW_CONNECTIONS_" + variableName(c.Name) + "_" + variableName(key)
	found.add(c.Span, "missing-setting", fmt.Sprintf("the connection %q has no %s: set it in youmiflow.yaml, or in the environment or .env as %s",
		c.Name, key, variable), "")
}
