package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// touching is a campaign that takes each conversation over, sends three messages in one call and to some a fourth in another,
// and hands it back, under a limit for each account.
const touching = `
name: touching
params:
  audience: { type: file, required: true }
  coupon: { type: string, default: D11-88 }
limits:
  account: { by: call.account, match: call.effect == "message", rate: 10/s, gap: 80ms..160ms }
steps:
  - id: people
    uses: audience.file
    with: { path: "${{ params.audience }}" }
  - id: reach
    foreach: { in: "${{ steps.people.rows }}", as: who, key: who.friend, where: 'who.tier in ["gold", "vip"]' }
    steps:
      - id: hold
        uses: takeover.apply
        with: { account: "${{ who.account }}", friend: "${{ who.friend }}", reason: Double 11 }
      - uses: message.batch
        with:
          takeover: ${{ steps.hold.takeover }}
          messages:
            - text: "${{ who.name }}，你的券 ${{ params.coupon }} 已到账"
            - image: https://img.example.com/d11.png
            - link: { url: "https://shop.example.com/d11?coupon=${{ params.coupon }}", title: 双11会场, description: 提前进场 }
      - if: who.tier == "vip"
        uses: message.forward
        with:
          takeover: ${{ steps.hold.takeover }}
          from: ${{ who.consultant }}
          flags: [{ flag: "flag:0000020", type: video, time: 1762826400, index: 1 }]
    finally:
      - uses: takeover.end
        with: { takeover: "${{ steps.hold.takeover }}" }
`

// plan measures the plans of growing audiences.
func (b *bench) plan(ctx context.Context) (err error) {
	fmt.Println("plan: a takeover, a batch of three messages, to three of ten one more, and its end, timed under a limit")
	dir, err := os.MkdirTemp(b.dir, "plan-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := b.project(dir, touching); err != nil {
		return err
	}
	for _, shape := range []struct {
		name string
		out  int // one row of so many is left out; 0: none
	}{{"every row takes part", 0}, {"a quarter is left out", 4}} {
		fmt.Printf("  %s\n", shape.name)
		for _, rows := range []int{10_000, 100_000, 1_000_000} {
			if err := b.planned(ctx, dir, rows, shape.out); err != nil {
				return err
			}
		}
	}
	return nil
}

// planned measures one plan. On a machine that is not idle, the time of its processors says more than the clock.
func (b *bench) planned(ctx context.Context, dir string, rows, out int) error {
	file, err := b.tiers(rows, out)
	if err != nil {
		return err
	}
	took, state, err := b.ended(ctx, dir, b.binary, "plan", filepath.Join(dir, "workflow.yaml"), "--quiet", "--param", "audience="+file)
	if err != nil {
		return err
	}
	busy := state.UserTime() + state.SystemTime()
	fmt.Printf("  %8d rows  %4d MB  %6.1f s  %7.0f rows/s  %5.1f s of processors\n", rows, peak(state)>>20, took.Seconds(),
		float64(rows)/took.Seconds(), busy.Seconds())
	return nil
}
