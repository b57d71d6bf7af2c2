package engine_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
)

// says is a step that sends a word under a condition.
func says(word, condition string) string {
	return `{ uses: message.send, if: "` + condition + `", with: { account: "1", friend: a, text: ` + word + " } }"
}

func TestStatusFunctionsInGroupsAndBranches(t *testing.T) {
	v := steer(t)
	id := v.start(`
steps:
  - id: fails
    uses: assert
    with: { that: false, message: no }
finally:
  - steps:
      - parallel:
          one:
          - ` + says("failure-in-branch", "failure()") + `
          two:
          - ` + says("success-in-branch", "success()") + `
  - steps:
          - ` + says("failure-in-group", "failure()") + `
          - ` + says("success-in-group", "success()") + `
          - ` + says("always-in-group", "always()") + `
          - ` + says("plain-in-group", "1 == 1") + `
`)
	v.pass(time.Minute)
	require.Equal(t, engine.StatusFailed, v.run(id).Status)
	require.Equal(t, []string{"failure-in-branch", "failure-in-group", "always-in-group", "plain-in-group"}, v.texts())
}

func TestStatusFunctionsWithinABranch(t *testing.T) {
	v := steer(t)
	v.start(`
steps:
  - continue_on_error: true
    parallel:
      bad:
          - uses: assert
            with: { that: false, message: no }
          - ` + says("never", "1 == 1") + `
          - ` + says("mended", "failure()") + `
          - ` + says("also", "always()") + `
      good:
          - wait: 1m
          - ` + says("success", "success()") + `
  - ` + says("afterwards", "success()") + `
`)
	v.pass(time.Hour)
	require.Equal(t, []string{"mended", "also", "success", "afterwards"}, v.texts())
}

// A group that was begun runs its finally when its run is cancelled, also when it was waiting then.
func TestAGroupThatIsCancelledRunsItsFinally(t *testing.T) {
	v := steer(t)
	id := v.start(`
steps:
  - parallel:
      one:
        - steps:
          - ` + says("begun", "always()") + `
          - wait: 1h
          - ` + says("never", "success()") + `
          finally:
          - ` + says("finally", "cancelled()") + `
      two:
        - wait: 2h
        - steps:
          - ` + says("never", "success()") + `
          finally:
          - ` + says("never", "always()") + `
  - ` + says("never", "success()") + `
`)
	v.pass(time.Minute)
	require.NoError(t, v.engine.Cancel(t.Context(), id))
	v.pass(time.Minute)
	require.Equal(t, engine.StatusCancelled, v.run(id).Status)
	require.Equal(t, []string{"begun", "finally"}, v.texts())
}
