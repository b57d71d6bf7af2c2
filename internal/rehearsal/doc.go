// Package rehearsal runs the tests of workflows: it reads NAME.test.yaml files, drives the engine over one run against the
// simulator on virtual time, and compares what happened with what was expected. A run that waits for days takes
// milliseconds, and goes the same way each time.
//
// It stands above the engine, whose lanes it works on, and imports that and what is below. The ledger, the limiter and the
// catalogue stand on its own floor: whoever wires the house together brings them, as a Stage.
package rehearsal
