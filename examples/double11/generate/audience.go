package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
)

// What the list holds. The README of the example says the same numbers, and a test compares them.
const (
	accounts     = 20
	firstAccount = 135380
	consultants  = 8

	silver     = 440 // left out by the campaign's `where`
	gold       = 1200
	vip        = 300 // get a forwarded message as well
	duplicates = 37  // of gold and vip customers, known to two accounts or listed twice
	keyless    = 23  // gold and vip customers without a friend id
)

// row is one line of the list.
type row struct {
	account    int
	friend     string // "" when the list does not know it
	name       string
	tier       string
	consultant string
}

// audience makes the rows, in the order of the file.
func audience() []row {
	random := rand.New(rand.NewPCG(2026, 1111))
	names := newNames(random)
	var people []row
	for _, group := range []struct {
		tier  string
		count int
	}{{"silver", silver}, {"gold", gold}, {"vip", vip}} {
		for range group.count {
			people = append(people, customer(random, names, group.tier))
		}
	}
	paying := slices.Clone(people[silver:])
	shuffle(random, paying)
	for i, again := range paying[:duplicates] {
		if i%2 == 0 {
			again = serve(random, again) // the same person, a friend of another account too
		}
		people = append(people, again)
	}
	for i := range keyless {
		tier := []string{"gold", "vip"}[i%2]
		lost := customer(random, names, tier)
		lost.friend = ""
		people = append(people, lost)
	}
	shuffle(random, people)
	return people
}

func customer(random *rand.Rand, names *names, tier string) row {
	return serve(random, row{friend: friendID(random), name: names.next(), tier: tier})
}

// serve gives a customer an account, and with it the consultant whose messages that account forwards.
func serve(random *rand.Rand, customer row) row {
	number := random.IntN(accounts)
	customer.account = firstAccount + number
	customer.consultant = fmt.Sprintf("wxid_demo_consultant%02d", number%consultants+1)
	return customer
}

// friendID looks like the platform's ids of friends; the word in it keeps it from being anybody's.
func friendID(random *rand.Rand) string {
	const letters = "0123456789abcdefghijklmnopqrstuvwxyz"
	id := []byte("wxid_demo")
	for range 10 {
		id = append(id, letters[random.IntN(len(letters))])
	}
	return string(id)
}

func shuffle(random *rand.Rand, rows []row) {
	random.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
}

// write puts the rows out as CSV, in UTF-8 and with a header.
func write(out io.Writer, rows []row) error {
	table := csv.NewWriter(out)
	records := [][]string{{"account", "friend", "name", "tier", "consultant"}}
	for _, row := range rows {
		records = append(records, []string{strconv.Itoa(row.account), row.friend, row.name, row.tier, row.consultant})
	}
	return table.WriteAll(records)
}
