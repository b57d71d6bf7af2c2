// Package engine runs workflows: runs and their lanes, items and their steps, retries, takeovers, plans. It declares
// what it needs of others (Steps, Ledger, Limiter) and the rows they exchange, and knows nothing of HTTP, SQL or the
// vendor. It imports workflows and, for suggestions, internal/diagnostic.
package engine
