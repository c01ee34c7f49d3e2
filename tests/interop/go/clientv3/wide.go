package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/kubernetes"
)

// options are those of a read and a put that the chapter of keys does without.
func options(c *check) {
	first := must(c.cli.Put(c.ctx, "opt/a", "3")).Header.Revision
	must(c.cli.Put(c.ctx, "opt/b", "1"))
	last := must(c.cli.Put(c.ctx, "opt/a", "2")).Header.Revision
	get := func(want string, opts ...clientv3.OpOption) {
		found := pairs(must(c.cli.Get(c.ctx, "opt/", append(opts, clientv3.WithPrefix())...)))
		c.that(found == want, "found %s, not %s", found, want)
	}
	get("opt/a=2", clientv3.WithMinModRev(last))
	get("opt/b=1", clientv3.WithMaxModRev(last-1))
	get("opt/b=1", clientv3.WithMinCreateRev(first+1))
	get("opt/a=2", clientv3.WithMaxCreateRev(first))
	get("opt/b=1 opt/a=2", clientv3.WithSort(clientv3.SortByValue, clientv3.SortAscend))
	get("opt/a=2 opt/b=1", clientv3.WithSort(clientv3.SortByVersion, clientv3.SortDescend))
	get("opt/b=1", clientv3.WithLastKey()...)
	get("opt/a=2", clientv3.WithLastRev()...)
	get("opt/b=1", clientv3.WithLastCreate()...)
	get("opt/a=3", clientv3.WithRev(first))
	lease := must(c.cli.Grant(c.ctx, 60)).ID
	must(c.cli.Put(c.ctx, "opt/a", "4", clientv3.WithLease(lease)))
	must(c.cli.Put(c.ctx, "opt/a", "5", clientv3.WithIgnoreLease()))
	must(c.cli.Put(c.ctx, "opt/a", "", clientv3.WithIgnoreValue(), clientv3.WithLease(lease)))
	kept := must(c.cli.Get(c.ctx, "opt/a")).Kvs[0]
	c.that(kept.Lease == int64(lease) && string(kept.Value) == "5", "left %v", kept)
	must(c.cli.Revoke(c.ctx, lease))
	get("opt/b=1")
}

// streams are ranges whose answer comes in parts.
func streams(c *check) {
	for i := range 50 {
		must(c.cli.Put(c.ctx, fmt.Sprintf("stream/%02d", i), strings.Repeat("x", 1000)))
	}
	for _, opts := range [][]clientv3.OpOption{
		{},
		{clientv3.WithLimit(17)},
		{clientv3.WithKeysOnly()},
		{clientv3.WithCountOnly()},
		{clientv3.WithSerializable()},
	} {
		opts = append(opts, clientv3.WithPrefix())
		whole := must(c.cli.Get(c.ctx, "stream/", opts...))
		parts := must(c.cli.GetStream(c.ctx, "stream/", opts...))
		merged := must(clientv3.GetStreamToGetResponse(parts))
		same := pairs(whole) == pairs(merged) && whole.Count == merged.Count
		c.that(same && whole.More == merged.More, "a stream of %d keys, not %d of %d",
			len(merged.Kvs), len(whole.Kvs), whole.Count)
	}
}

// fragments are parts of one revision's events when those are more than a message may hold.
func fragments(c *check) {
	ctx := clientv3.WithRequireLeader(c.ctx)
	from := must(c.cli.Get(c.ctx, "x")).Header.Revision + 1
	value := strings.Repeat("v", 300*1024)
	for i := range 10 {
		must(c.cli.Put(c.ctx, fmt.Sprint("fragment/", i), value))
	}
	watch := c.cli.Watch(ctx, "fragment/", clientv3.WithPrefix(), clientv3.WithRev(from),
		clientv3.WithFragment(), clientv3.WithPrevKV())
	for i, event := range c.events(watch, 10) {
		c.that(string(event.Kv.Key) == fmt.Sprint("fragment/", i), "event %d is %s", i, event.Kv.Key)
		c.that(len(event.Kv.Value) == len(value), "its value has %d bytes", len(event.Kv.Value))
	}
	must(c.cli.Delete(c.ctx, "fragment/", clientv3.WithPrefix()))
	gone := c.events(watch, 10)
	c.that(len(gone[9].PrevKv.Value) == len(value), "the previous value is not told")
}

// snapshot is streamed with its checksum behind it.
func snapshot(c *check) {
	answer := must(c.cli.SnapshotWithVersion(c.ctx))
	defer answer.Snapshot.Close()
	content := must(io.ReadAll(answer.Snapshot))
	file, sum := content[:len(content)-sha256.Size], content[len(content)-sha256.Size:]
	want := sha256.Sum256(file)
	c.that(bytes.Equal(sum, want[:]), "the checksum of %d bytes is another", len(file))
	c.that(answer.Version == "3.7.0", "the storage's version is %q", answer.Version)
}

// apiserver is what Kubernetes needs, through the interface that etcd made for it.
func apiserver(c *check) {
	cli := must(kubernetes.New(clientv3.Config{Endpoints: c.endpoints}))
	defer cli.Close()
	put := func(key, value string, at int64) kubernetes.PutResponse {
		failure := kubernetes.PutOptions{GetOnFailure: true}
		return must(cli.Kubernetes.OptimisticPut(c.ctx, key, []byte(value), at, failure))
	}
	created := put("/registry/pods/a", "1", 0)
	c.that(created.Succeeded, "a key that is absent is not created")
	refused := put("/registry/pods/a", "2", 0)
	c.that(!refused.Succeeded && string(refused.KV.Value) == "1", "created twice")
	for _, name := range []string{"b", "c"} {
		c.that(put("/registry/pods/"+name, "1", 0).Succeeded, "%s is not created", name)
	}
	page := must(cli.Kubernetes.List(c.ctx, "/registry/pods/", kubernetes.ListOptions{Limit: 1}))
	c.that(page.Count == 3 && len(page.Kvs) == 1, "listed %d of %d", len(page.Kvs), page.Count)
	must(cli.Put(c.ctx, "/registry/pods/d", "1"))
	rest := must(cli.Kubernetes.List(c.ctx, "/registry/pods/", kubernetes.ListOptions{
		Revision: page.Revision, Limit: 1, Continue: string(page.Kvs[0].Key) + "\x00",
	}))
	c.that(rest.Count == 2 && string(rest.Kvs[0].Key) == "/registry/pods/b", "then %v", rest)
	count := must(cli.Kubernetes.Count(c.ctx, "/registry/pods/", kubernetes.CountOptions{}))
	c.that(count == 4, "counted %d", count)
	remove := func(at int64) kubernetes.DeleteResponse {
		failure := kubernetes.DeleteOptions{GetOnFailure: true}
		return must(cli.Kubernetes.OptimisticDelete(c.ctx, "/registry/pods/a", at, failure))
	}
	c.that(!remove(created.Revision-1).Succeeded, "deleted at another revision")
	c.that(remove(created.Revision).Succeeded, "not deleted at its revision")
}
