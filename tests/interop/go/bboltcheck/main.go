// Command bboltcheck is the oracle for the crate bbolt: the original library checks and shows the
// files that Cairn wrote, and writes files for Cairn to read.
//
//	bboltcheck dump FILE           check FILE and show all of it as JSON
//	bboltcheck write KIND FILE     write a file and show it; KIND is one of the keys of writers
//	bboltcheck grow FILE           change FILE as etcd would, then check and show it
package main

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	bolt "go.etcd.io/bbolt"
)

// Entry is one key: with a value, or with the entries of a bucket.
type Entry struct {
	Key     string  `json:"key"`
	Value   string  `json:"value"`
	Bucket  bool    `json:"bucket"`
	Entries []Entry `json:"entries,omitempty"`
}

// Dump is all of a file.
type Dump struct {
	Failures []string `json:"failures"`
	Size     int64    `json:"size"`
	Entries  []Entry  `json:"entries"`
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bboltcheck:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 2 && args[0] == "dump":
		return show(args[1])
	case len(args) == 2 && args[0] == "grow":
		if err := grow(args[1]); err != nil {
			return err
		}
		return show(args[1])
	case len(args) == 3 && args[0] == "write":
		write, ok := writers[args[1]]
		if !ok {
			return fmt.Errorf("no writer %q", args[1])
		}
		if err := write(args[2]); err != nil {
			return err
		}
		return show(args[2])
	}
	return errors.New("usage: bboltcheck dump FILE | write KIND FILE | grow FILE")
}

func show(path string) error {
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true})
	if err != nil {
		return err
	}
	defer db.Close()
	dump := Dump{Failures: []string{}, Entries: []Entry{}}
	err = db.View(func(tx *bolt.Tx) error {
		for failure := range tx.Check() {
			dump.Failures = append(dump.Failures, failure.Error())
		}
		dump.Size = tx.Size()
		return tx.ForEach(func(name []byte, b *bolt.Bucket) error {
			entries, err := entriesOf(b)
			entry := Entry{Key: hex.EncodeToString(name), Bucket: true, Entries: entries}
			dump.Entries = append(dump.Entries, entry)
			return err
		})
	})
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(dump)
}

func entriesOf(b *bolt.Bucket) ([]Entry, error) {
	entries := []Entry{}
	err := b.ForEach(func(key, value []byte) error {
		entry := Entry{Key: hex.EncodeToString(key), Value: hex.EncodeToString(value)}
		if inner := b.Bucket(key); value == nil && inner != nil {
			var err error
			entry.Bucket = true
			if entry.Entries, err = entriesOf(inner); err != nil {
				return err
			}
		}
		entries = append(entries, entry)
		return nil
	})
	return entries, err
}
