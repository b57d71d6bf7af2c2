package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"youmiflow/internal/sandbox"
)

// sandboxFlags are the options of the simulator that `sandbox` and `run --sandbox` share. The zero value stands for
// the defaults.
type sandboxFlags struct {
	seed    uint64
	faults  []string
	answer  string
	fans    int
	journal string
}

func (f *sandboxFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.Uint64Var(&f.seed, "seed", 0, "the sandbox's seed (0: chosen and printed)")
	flags.StringArrayVar(&f.faults, "fault", nil, "a fault of the sandbox, such as doSendPublicMes:lose:1% (may be repeated; see docs/sandbox.md)")
	flags.StringVar(&f.answer, "takeover-answer", string(sandbox.AnswerKey), "what the sandbox answers to a takeover: key, object or none")
	flags.IntVar(&f.fans, "fans", 0, fmt.Sprintf("how many fans the sandbox's lists show, at most %d (default 1000)", sandbox.MaxFans))
}

// worldFlag adds --sandbox to a command and those below it that are about what was done: with it they are about rehearsals.
func (a *app) worldFlag(c *cobra.Command, about string) {
	c.PersistentFlags().BoolVar(&a.sandbox, "sandbox", false, about)
}

// without refuses the options where there is no sandbox that they could be meant for.
func (f *sandboxFlags) without(c *cobra.Command, hint string) error {
	for _, name := range []string{"seed", "fault", "takeover-answer", "fans"} {
		if c.Flags().Changed(name) {
			return usage("--%s is for the sandbox: %s", name, hint)
		}
	}
	return nil
}

func (f *sandboxFlags) config() (sandbox.Config, error) {
	if f.answer == "" {
		f.answer = string(sandbox.AnswerKey)
	}
	answer, err := sandbox.ParseTakeoverAnswer(f.answer)
	if err != nil {
		return sandbox.Config{}, usage("--takeover-answer %s: %v", f.answer, err)
	}
	if f.fans < 0 || f.fans > sandbox.MaxFans {
		return sandbox.Config{}, usage("--fans %d: write a number up to %d", f.fans, sandbox.MaxFans)
	}
	config := sandbox.Config{Seed: f.seed, Journal: f.journal, TakeoverAnswer: answer, Fans: f.fans}
	for _, text := range f.faults {
		fault, err := sandbox.ParseFault(text)
		if err != nil {
			return config, usage("--fault %s: %v", text, err)
		}
		config.Faults = append(config.Faults, fault)
	}
	if len(config.Faults) > 0 {
		// One without a journal tells whether it has the operations, before anything is opened.
		trial := config
		trial.Journal = ""
		box, err := sandbox.New(trial)
		if err != nil {
			return config, usage("%v", err)
		}
		return config, box.Close()
	}
	return config, nil
}

func (a *app) sandboxCommand() *cobra.Command {
	var options sandboxFlags
	var taskResults, bareObject bool
	listen := "127.0.0.1:8787"
	lifetime := time.Hour
	c := &cobra.Command{
		Use:   "sandbox",
		Short: "Serve a simulator of the API, with faults on request",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			config, err := options.config()
			if err != nil {
				return err
			}
			config.TokenLifetime = lifetime
			config.TaskResults, config.V1BareObject = taskResults, bareObject
			return a.serveSandbox(c.Context(), config, listen)
		},
	}
	options.add(c)
	c.Flags().StringVar(&listen, "listen", listen, "the address to listen on")
	c.Flags().StringVar(&options.journal, "journal", "", "a file to keep deliveries and takeovers in")
	c.Flags().DurationVar(&lifetime, "token-lifetime", lifetime, "how long a token is good for")
	c.Flags().BoolVar(&taskResults, "task-results", false, "push an rpaTaskResult event for every delivery")
	c.Flags().BoolVar(&bareObject, "v1-bare-object", false, "answer a single friend of version 1 as a bare object, as the vendor's example shows it")
	return c
}

func (a *app) serveSandbox(ctx context.Context, config sandbox.Config, listen string) (err error) {
	s, err := sandbox.New(config)
	if err != nil {
		return usage("%v", err)
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	var network net.ListenConfig
	listener, err := network.Listen(ctx, "tcp", listen)
	if err != nil {
		return usage("--listen %s: %v", listen, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-a.Interrupts:
			cancel()
		case <-ctx.Done():
		}
	}()
	url := "http://" + listener.Addr().String()
	fmt.Fprintf(a.Stdout, "%s\n", url)
	a.say("The sandbox answers like the API. In youmiflow.yaml:\n\nconnections:\n  default:\n    base_url: %s\n    token_url: %s/connect/token\n    client_id: any\n    client_secret: any\n\nWhat it was sent: %s/_sandbox/deliveries\nSeed %d. Ctrl-C ends it.",
		url, url, url, s.Seed())
	return sandbox.Serve(ctx, s, listener)
}

// sandboxJournal is where the sandbox of `run --sandbox` keeps its world, so that a resumed run finds it again.
func (p *project) sandboxJournal() string { return filepath.Join(p.dir, ".youmiflow", "sandbox.jsonl") }
