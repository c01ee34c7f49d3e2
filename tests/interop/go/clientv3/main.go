// Command clientv3 uses a cluster through etcd's own Go client, as programs that run on etcd do,
// and checks each answer.
//
//	clientv3 [--skip CHAPTER]... ENDPOINT...
//
// It prints a line for each chapter and ends with code 1 at the first answer that is not etcd's.
package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// patience is how long one chapter may take on a busy machine.
const patience = 90 * time.Second

// A chapter checks one part of the client; keys lie under its own prefix.
type chapter struct {
	name string
	run  func(c *check)
}

var chapters = []chapter{
	{"kv", kv},
	{"options", options},
	{"streams", streams},
	{"errors", refusals},
	{"txn", transactions},
	{"watch", watches},
	{"fragments", fragments},
	{"compaction", compaction},
	{"lease", leases},
	{"mutex", mutex},
	{"election", election},
	{"stm", stm},
	{"namespace, leasing, mirror", wrappers},
	{"kubernetes", apiserver},
	{"snapshot", snapshot},
	{"maintenance", maintenance},
	{"cluster", cluster},
	{"failover", failover},
	{"services", services},
	{"auth", auth},
}

// check is what a chapter works with.
type check struct {
	ctx       context.Context
	cli       *clientv3.Client
	endpoints []string
}

// failure ends a chapter.
type failure string

// that ends the chapter unless ok.
func (c *check) that(ok bool, format string, args ...any) {
	if !ok {
		panic(failure(fmt.Sprintf(format, args...)))
	}
}

// must gives the answer of a call that may not fail.
func must[T any](answer T, err error) T {
	if err != nil {
		panic(failure(err.Error()))
	}
	return answer
}

// done accepts a call without an answer.
func done(err error) {
	if err != nil {
		panic(failure(err.Error()))
	}
}

func connect(endpoints []string) (*clientv3.Client, error) {
	return clientv3.New(clientv3.Config{
		Endpoints:   endpoints,
		DialTimeout: 5 * time.Second,
		Logger:      zap.NewNop(),
	})
}

func run(part chapter, cli *clientv3.Client, endpoints []string) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	defer func() {
		if cause := recover(); cause != nil {
			text, ok := cause.(failure)
			if !ok {
				panic(cause)
			}
			err = fmt.Errorf("%s: %s", part.name, string(text))
		}
	}()
	part.run(&check{ctx: ctx, cli: cli, endpoints: endpoints})
	return nil
}

// skip takes the chapters that are named out of the list; the rest of the arguments stays.
func skip(args []string) []string {
	for len(args) > 1 && args[0] == "--skip" {
		at := slices.IndexFunc(chapters, func(part chapter) bool { return part.name == args[1] })
		if at < 0 {
			fmt.Fprintln(os.Stderr, "clientv3: no chapter", args[1])
			os.Exit(2)
		}
		chapters = slices.Delete(chapters, at, at+1)
		args = args[2:]
	}
	return args
}

func main() {
	endpoints := skip(os.Args[1:])
	if len(endpoints) == 0 {
		fmt.Fprintln(os.Stderr, "usage: clientv3 [--skip CHAPTER]... ENDPOINT...")
		os.Exit(2)
	}
	cli, err := connect(endpoints)
	if err == nil {
		defer cli.Close()
		for _, part := range chapters {
			began := time.Now()
			if err = run(part, cli, endpoints); err != nil {
				break
			}
			fmt.Printf("%s: %s\n", part.name, time.Since(began).Round(time.Millisecond))
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "clientv3:", err)
		os.Exit(1)
	}
	fmt.Printf("%d chapters on %d endpoints\n", len(chapters), len(endpoints))
}
