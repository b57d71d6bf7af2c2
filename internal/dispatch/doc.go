// Package dispatch has lanes worked on: it turns the ledger's wakes into River jobs, within the transactions that ask
// for them, and calls the engine's work for each. It imports engine for the names of lanes, River and its driver, and
// nothing above engine. What a lane's work is, and what happened to an item, is not known here: a job is a wake-up and
// carries no state that matters, so that all of them may be deleted and made again from the ledger.
package dispatch
