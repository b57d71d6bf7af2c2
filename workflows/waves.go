package workflows

import (
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

const (
	maxWaves    = 1000
	maxVariants = 100
	maxCount    = 1_000_000_000
)

var (
	wavesKeys = keySetOf(
		key{"sizes", wavesListShape, "The sizes, such as [20, 10%, 100%]."},
		key{"approve", switchShape, "true: after each wave a person decides whether the next begins."},
		key{"pause", durationShape, "How long to wait after each wave."},
	).needing("sizes")
	waveKeys = keySetOf(
		key{"size", shareShape(1), "So many rows, such as 20, or such a part of them, such as 10%."},
		key{"approve", switchShape, "true: after this wave a person decides whether the next begins."},
		key{"pause", durationShape, "How long to wait after this wave."},
	).needing("size")
	stopWhenKeys = keySetOf(
		key{"event", eventShape, "The kind of event."},
		key{"if", conditionShape, "An expression over `event` and the row: only such events count."},
	).needing("event")
)

// waves reads the parts that a foreach is worked on in: a list of sizes, or sizes with what comes after each; or one size.
func (p *parser) waves(node *yaml.Node) []Wave {
	switch node.Kind {
	case yaml.ScalarNode:
		return []Wave{{Share: p.share(node, "waves", 1)}}
	case yaml.SequenceNode:
		return p.waveList(node, Wave{})
	}
	all, ok := p.fields(node, "waves", wavesKeys)
	if !ok {
		return nil
	}
	after := p.waveEnd(all)
	sizes := all.get("sizes")
	if sizes == nil {
		p.at(node, "missing-key", "waves needs the key \"sizes\", such as [20, 10%%, 100%%]")
		return nil
	}
	if sizes.Kind == yaml.ScalarNode {
		after.Share = p.share(sizes, "sizes", 1)
		return []Wave{after}
	}
	return p.waveList(sizes, after)
}

// waveList reads waves one by one; what they do not say themselves is as in after.
func (p *parser) waveList(node *yaml.Node, after Wave) []Wave {
	nodes, ok := p.items(node, "waves")
	if !ok {
		return nil
	}
	if len(nodes) == 0 {
		p.at(node, "empty", "there is no wave in this list")
	}
	if len(nodes) > maxWaves {
		p.at(nodes[maxWaves], "out-of-range", "there are at most %d waves: the last one is repeated until nothing is left", maxWaves)
		return nil
	}
	waves := make([]Wave, 0, len(nodes))
	for _, one := range nodes {
		wave := after
		size := one
		if one.Kind == yaml.MappingNode {
			all, ok := p.fields(one, "a wave", waveKeys)
			if !ok {
				continue
			}
			wave = p.waveEnd(all)
			if size = all.get("size"); size == nil {
				p.at(one, "missing-key", "a wave needs the key \"size\", such as 20 or 10%%")
				continue
			}
		}
		wave.Share = p.share(size, "a wave", 1)
		waves = append(waves, wave)
	}
	return waves
}

// waveEnd reads what comes after a wave.
func (p *parser) waveEnd(all fields) Wave {
	var wave Wave
	if node := all.get("approve"); node != nil {
		wave.Approve, _ = p.boolean(node, "approve")
	}
	if node := all.get("pause"); node != nil {
		wave.Pause, _ = p.duration(node, "pause")
	}
	return wave
}

// share reads a count or a percentage.
func (p *parser) share(node *yaml.Node, what string, least int) Share {
	if node.Kind == yaml.ScalarNode && node.Tag == "!!int" {
		n, _ := p.integer(node, what, least, maxCount)
		return Share{Count: n}
	}
	text, percent := strings.CutSuffix(strings.TrimSpace(node.Value), "%")
	value, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if node.Kind != yaml.ScalarNode || !percent || err != nil || value != value {
		p.at(node, "bad-share", "%s needs a whole number such as 20 or a percentage such as 10%%", what)
		return Share{}
	}
	if value < 0 || value > 100 || value == 0 && least > 0 {
		from := "more than 0%"
		if least == 0 {
			from = "at least 0%"
		}
		p.at(node, "out-of-range", "%s must be %s and at most 100%%, and this is %s", what, from, node.Value)
		return Share{}
	}
	return Share{Percent: value}
}

// tolerate reads how many failures are borne.
func (p *parser) tolerate(node *yaml.Node, waves []Wave) *Share {
	share := p.share(node, "tolerate", 0)
	if share == (Share{}) && !p.bad && len(waves) > 0 {
		p.warn(p.text.spanOf(node), "tolerates-nothing",
			"with tolerate 0 the first failure pauses the run, whatever the size of the wave: write a percentage such as 3% to go on after a few")
	}
	return &share
}

// variants reads the branches of a comparison with their weights.
func (p *parser) variants(node *yaml.Node) []Variant {
	all, ok := p.object(node, "variants")
	if !ok {
		return nil
	}
	if len(all.entries) == 0 {
		p.at(node, "empty", "there is no variant: name some with their weights, such as { a: 50, b: 50 }")
	}
	if len(all.entries) > maxVariants {
		p.at(all.entries[maxVariants].key, "out-of-range", "there are at most %d variants", maxVariants)
		return nil
	}
	var variants []Variant
	for _, e := range all.entries {
		if strings.TrimSpace(e.key.Value) == "" {
			p.at(e.key, "bad-id", "a variant needs a name")
			continue
		}
		weight, _ := p.integer(e.value, "the weight of "+strconv.Quote(e.key.Value), 1, 1_000_000)
		variants = append(variants, Variant{Name: e.key.Value, Weight: weight})
	}
	return variants
}

// stopWhen reads which events of a customer stop the rest: the kind of event alone, or with a condition.
func (p *parser) stopWhen(node *yaml.Node, f *frame) *StopWhen {
	if node.Kind == yaml.ScalarNode {
		return &StopWhen{Event: p.eventKind(node), Span: p.text.spanOf(node)}
	}
	all, ok := p.fields(node, "stop_when", stopWhenKeys)
	if !ok {
		return nil
	}
	stop := &StopWhen{Span: p.text.spanOf(node)}
	if event := all.get("event"); event != nil {
		stop.Event = p.eventKind(event)
	} else {
		p.at(node, "missing-key", "stop_when needs the key \"event\", such as chat")
	}
	if condition := all.get("if"); condition != nil {
		stop.If = p.bare(condition, "if", p.in(f, f.with("event", eventType())), bool1)
	}
	return stop
}
