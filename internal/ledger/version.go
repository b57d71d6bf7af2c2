package ledger

// Version is the version of the tables that this program makes and reads.
func Version() int { return version }
