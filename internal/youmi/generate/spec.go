package main

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// spec is what the generator needs of openapi.yaml, in the order in which it is written there.
type spec struct {
	operations []operation
	schemas    map[string]*schema
}

type operation struct {
	method, path string

	ID        string      `yaml:"operationId"`
	Tags      []string    `yaml:"tags"`
	Summary   string      `yaml:"summary"`
	Status    string      `yaml:"x-status"`
	Source    string      `yaml:"x-source"`
	Effect    string      `yaml:"x-effect"`
	Guess     string      `yaml:"x-guess"`
	GoName    string      `yaml:"x-go-name"`
	GoType    string      `yaml:"x-go-type"`
	Plausible string      `yaml:"x-plausible-values"`
	Paging    *paging     `yaml:"x-paging"`
	Params    []parameter `yaml:"parameters"`
	Body      struct {
		Content map[string]struct {
			Schema schema `yaml:"schema"`
		} `yaml:"content"`
	} `yaml:"requestBody"`
}

type paging struct {
	Page  string `yaml:"page"`
	Size  string `yaml:"size"`
	First int    `yaml:"first"`
	Guess string `yaml:"guess"`
}

type parameter struct {
	Name        string `yaml:"name"`
	In          string `yaml:"in"`
	Required    bool   `yaml:"required"`
	Description string `yaml:"description"`
	Schema      schema `yaml:"schema"`
}

type schema struct {
	Ref         string    `yaml:"$ref"`
	Type        string    `yaml:"type"`
	Description string    `yaml:"description"`
	Guess       string    `yaml:"x-guess"`
	Nullable    bool      `yaml:"nullable"`
	Required    []string  `yaml:"required"`
	Items       *schema   `yaml:"items"`
	OneOf       []schema  `yaml:"oneOf"`
	Properties  yaml.Node `yaml:"properties"`
}

// property is one field, in its place.
type property struct {
	name string
	schema
	required bool
}

func parse(text []byte) (*spec, error) {
	var document struct {
		Paths      yaml.Node `yaml:"paths"`
		Components struct {
			Schemas map[string]*schema `yaml:"schemas"`
		} `yaml:"components"`
	}
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, err
	}
	s := &spec{schemas: document.Components.Schemas}
	err := pairs(&document.Paths, func(path string, item *yaml.Node) error {
		return pairs(item, func(method string, node *yaml.Node) error {
			o := operation{method: strings.ToUpper(method), path: path}
			if err := node.Decode(&o); err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			s.operations = append(s.operations, o)
			return nil
		})
	})
	return s, err
}

func pairs(node *yaml.Node, each func(key string, value *yaml.Node) error) error {
	for i := 0; i+1 < len(node.Content); i += 2 {
		if err := each(node.Content[i].Value, node.Content[i+1]); err != nil {
			return err
		}
	}
	return nil
}

// version is what the operation belongs to.
func (o operation) version() string {
	if o.group() == "V1" {
		return "V1"
	}
	return "V2"
}

func (o operation) group() string {
	if len(o.Tags) == 0 {
		return ""
	}
	return o.Tags[0]
}

// fields are those of an operation's request, of its body or its query; nil when it has none.
func (s *spec) fields(o operation) ([]property, error) {
	for _, media := range o.Body.Content {
		body, err := s.find(media.Schema.Ref)
		if err != nil {
			return nil, err
		}
		return body.fields()
	}
	var fields []property
	for _, p := range o.Params {
		if p.In == "query" {
			p.Schema.Description = p.Description
			fields = append(fields, property{name: p.Name, schema: p.Schema, required: p.Required})
		}
	}
	return fields, nil
}

// fieldNames are the names of an operation's request, of all its kinds.
func (s *spec) fieldNames(o operation) ([]string, error) {
	fields, err := s.fields(o)
	if err != nil {
		return nil, err
	}
	for _, media := range o.Body.Content {
		body, err := s.find(media.Schema.Ref)
		if err != nil {
			return nil, err
		}
		for _, kind := range body.OneOf {
			one, err := s.find(kind.Ref)
			if err != nil {
				return nil, err
			}
			more, err := one.fields()
			if err != nil {
				return nil, err
			}
			fields = append(fields, more...)
		}
	}
	var names []string
	for _, field := range fields {
		if !slices.Contains(names, field.name) {
			names = append(names, field.name)
		}
	}
	return names, nil
}

func (s *spec) find(reference string) (*schema, error) {
	found := s.schemas[refName(reference)]
	if found == nil {
		return nil, fmt.Errorf("no schema %q", reference)
	}
	return found, nil
}

func refName(reference string) string {
	return strings.TrimPrefix(reference, "#/components/schemas/")
}

func (s *schema) fields() ([]property, error) {
	var fields []property
	err := pairs(&s.Properties, func(name string, node *yaml.Node) error {
		p := property{name: name, required: slices.Contains(s.Required, name)}
		if err := node.Decode(&p.schema); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		fields = append(fields, p)
		return nil
	})
	return fields, err
}
