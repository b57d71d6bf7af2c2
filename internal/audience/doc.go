// Package audience reads lists of recipients as streams of rows: queries of PostgreSQL, MySQL and SQLite, in which the database
// lets nothing be written, and csv, tsv, jsonl and xlsx files, in UTF-8, UTF-16 with
// a byte order mark, or GB18030 (which covers GBK and GB2312). Memory does not grow with the file. Whatever is wrong
// with a file ends in a *RowError that names the file, the row and what to do; no row is ever left out in silence.
//
// It knows nothing of workflows and imports no other package of this project.
package audience
