package diagnostic

import (
	"io"
	"net/url"
	"path/filepath"
	"slices"
)

// SARIF prints the list in the Static Analysis Results Interchange Format 2.1.0 (OASIS), which code hosts import.
func SARIF(w io.Writer, list List) error {
	run := sarifRun{
		Tool:       sarifTool{Driver: sarifDriver{Name: "youmiflow", Rules: []sarifRule{}}},
		ColumnKind: "unicodeCodePoints",
		Results:    []sarifResult{},
	}
	codes := make([]string, 0, len(list))
	for _, d := range list {
		codes = append(codes, d.Code)
		run.Results = append(run.Results, d.sarif())
	}
	slices.Sort(codes)
	for _, code := range slices.Compact(codes) {
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{ID: code})
	}
	return indented(w, sarifLog{
		Schema:  "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
		Version: "2.1.0",
		Runs:    []sarifRun{run},
	})
}

func (d Diagnostic) sarif() sarifResult {
	level := "error"
	if !d.stops() {
		level = "warning"
	}
	address := url.URL{Path: filepath.ToSlash(d.File)}
	place := sarifPhysical{ArtifactLocation: sarifArtifact{URI: address.String()}}
	if d.Line > 0 {
		place.Region = &sarifRegion{StartLine: d.Line, StartColumn: max(d.Column, 0)}
		if d.Column > 0 && d.EndColumn >= d.Column {
			place.Region.EndColumn = d.EndColumn
		}
	}
	return sarifResult{
		RuleID:    d.Code,
		Level:     level,
		Message:   sarifMessage{Text: d.sentence()},
		Locations: []sarifLocation{{PhysicalLocation: place}},
	}
}

type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool       sarifTool     `json:"tool"`
	ColumnKind string        `json:"columnKind"`
	Results    []sarifResult `json:"results"`
}

type sarifTool struct {
	Driver sarifDriver `json:"driver"`
}

type sarifDriver struct {
	Name  string      `json:"name"`
	Rules []sarifRule `json:"rules"`
}

type sarifRule struct {
	ID string `json:"id"`
}

type sarifResult struct {
	RuleID    string          `json:"ruleId"`
	Level     string          `json:"level"`
	Message   sarifMessage    `json:"message"`
	Locations []sarifLocation `json:"locations"`
}

type sarifMessage struct {
	Text string `json:"text"`
}

type sarifLocation struct {
	PhysicalLocation sarifPhysical `json:"physicalLocation"`
}

type sarifPhysical struct {
	ArtifactLocation sarifArtifact `json:"artifactLocation"`
	Region           *sarifRegion  `json:"region,omitempty"`
}

type sarifArtifact struct {
	URI string `json:"uri"`
}

type sarifRegion struct {
	StartLine   int `json:"startLine"`
	StartColumn int `json:"startColumn,omitempty"`
	EndColumn   int `json:"endColumn,omitempty"`
}
