package main

import (
	"context"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/leasing"
	"go.etcd.io/etcd/client/v3/mirror"
	"go.etcd.io/etcd/client/v3/namespace"
	"go.etcd.io/etcd/client/v3/ordering"
)

// wrappers are parts of the client that build on key-value calls, watches and leases.
func wrappers(c *check) {
	within := namespace.NewKV(c.cli.KV, "ns/")
	must(within.Put(c.ctx, "a", "1"))
	must(within.Put(c.ctx, "b", "2"))
	seen := must(within.Get(c.ctx, "", clientv3.WithPrefix()))
	c.that(pairs(seen) == "a=1 b=2", "a namespace shows %s", pairs(seen))
	whole := must(c.cli.Get(c.ctx, "ns/", clientv3.WithPrefix()))
	c.that(pairs(whole) == "ns/a=1 ns/b=2", "outside it: %s", pairs(whole))

	cached, stop, err := leasing.NewKV(c.cli, "leasing/")
	done(err)
	must(cached.Put(c.ctx, "cached", "1"))
	for range 3 {
		answer := must(cached.Get(c.ctx, "cached"))
		c.that(pairs(answer) == "cached=1", "a leased key reads %s", pairs(answer))
	}
	must(cached.Put(c.ctx, "cached", "2"))
	answer := must(cached.Get(c.ctx, "cached"))
	c.that(pairs(answer) == "cached=2", "a leased key reads %s after a put", pairs(answer))
	stop()

	ordered := ordering.NewKV(c.cli.KV, ordering.NewOrderViolationSwitchEndpointClosure(c.cli))
	must(ordered.Put(c.ctx, "ordered", "1"))
	read := must(ordered.Get(c.ctx, "ordered", clientv3.WithSerializable()))
	c.that(read.Count <= 1, "an ordered read found %s", pairs(read))

	ctx, cancel := context.WithCancel(c.ctx)
	defer cancel()
	syncer := mirror.NewSyncer(c.cli, "ns/", 0)
	chunks, failures := syncer.SyncBase(ctx)
	copied := 0
	for chunk := range chunks {
		copied += len(chunk.Kvs)
	}
	done(<-failures)
	c.that(copied == 2, "a mirror copied %d keys", copied)
	updates := syncer.SyncUpdates(ctx)
	must(within.Put(c.ctx, "c", "3"))
	c.that(told(c.events(updates, 1)) == "PUT ns/c=3;", "a mirror was told another update")
}
