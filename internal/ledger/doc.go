// Package ledger implements engine.Ledger on SQLite: the tables, their migrations, the one writer that commits what many
// goroutines append in one transaction (group commit), the readers, and the locks by which processes share a file. It
// imports engine, the packages beside that whose rows it keeps, and nothing above them. What the engine means by a row is
// engine's business; what belongs here is how a row is kept and found again.
//
// The database file has one connection that writes, shared with River, and a few that only read. Counts are kept in
// the table tally, within the transactions that change rows, so that reading them costs the same at any size.
package ledger
