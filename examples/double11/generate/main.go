// Command generate writes the audience of the Double 11 example: made-up customers of a made-up shop, always the same
// ones. It imports the standard library only.
//
//	go run ./examples/double11/generate > examples/double11/audience.csv
package main

import (
	"fmt"
	"os"
)

func main() {
	if err := write(os.Stdout, audience()); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}
