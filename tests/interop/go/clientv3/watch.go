package main

import (
	"context"
	"fmt"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// events reads a watch until it has given that many.
func (c *check) events(watch clientv3.WatchChan, count int) []*clientv3.Event {
	var found []*clientv3.Event
	for len(found) < count {
		select {
		case answer, open := <-watch:
			c.that(open, "the watch ended after %d of %d events", len(found), count)
			done(answer.Err())
			found = append(found, answer.Events...)
		case <-c.ctx.Done():
			c.that(false, "%d of %d events came", len(found), count)
		}
	}
	return found
}

// next reads one answer of a watch.
func (c *check) next(watch clientv3.WatchChan) clientv3.WatchResponse {
	select {
	case answer, open := <-watch:
		c.that(open, "the watch ended")
		return answer
	case <-c.ctx.Done():
		c.that(false, "the watch said nothing")
	}
	return clientv3.WatchResponse{}
}

func told(events []*clientv3.Event) string {
	text := ""
	for _, event := range events {
		text += fmt.Sprintf("%s %s=%s;", event.Type, event.Kv.Key, event.Kv.Value)
	}
	return text
}

func watches(c *check) {
	ctx, cancel := context.WithCancel(clientv3.WithRequireLeader(c.ctx))
	defer cancel()
	created := c.cli.Watch(ctx, "watch/", clientv3.WithPrefix(), clientv3.WithPrevKV(),
		clientv3.WithCreatedNotify())
	c.that(c.next(created).Created, "no notice of the creation")
	first := must(c.cli.Put(c.ctx, "watch/a", "1"))
	must(c.cli.Put(c.ctx, "watch/a", "2"))
	must(c.cli.Delete(c.ctx, "watch/a"))
	must(c.cli.Put(c.ctx, "elsewhere", "x"))
	live := c.events(created, 3)
	const all = "PUT watch/a=1;PUT watch/a=2;DELETE watch/a=;"
	c.that(told(live) == all, "told %s", told(live))
	c.that(live[0].IsCreate() && live[1].IsModify(), "creation and change are not told apart")
	c.that(string(live[2].PrevKv.Value) == "2", "previous value %q", live[2].PrevKv.Value)
	past := c.cli.Watch(ctx, "watch/a", clientv3.WithRev(first.Header.Revision),
		clientv3.WithFragment())
	c.that(told(c.events(past, 3)) == all, "the past is told in another way")
	puts := c.cli.Watch(ctx, "watch/a", clientv3.WithRev(first.Header.Revision),
		clientv3.WithFilterDelete())
	c.that(told(c.events(puts, 2)) == "PUT watch/a=1;PUT watch/a=2;", "deletions are told")
	progress(c, ctx)
	cancel()
	for range created {
	}
}

// progress asks until a watch that has nothing to tell says how far it is.
func progress(c *check, ctx context.Context) {
	// A context of its own makes a stream of its own.
	ctx, cancel := context.WithCancel(context.WithValue(ctx, struct{ name string }{"own"}, 1))
	defer cancel()
	quiet := c.cli.Watch(ctx, "quiet")
	want := must(c.cli.Get(c.ctx, "quiet")).Header.Revision
	for {
		done(c.cli.RequestProgress(ctx))
		select {
		case answer, open := <-quiet:
			c.that(open, "the watch ended")
			c.that(answer.IsProgressNotify(), "a watch of nothing told %s", told(answer.Events))
			if answer.Header.Revision >= want {
				return
			}
		case <-time.After(100 * time.Millisecond):
			c.that(c.ctx.Err() == nil, "no progress is told")
		}
	}
}

func compaction(c *check) {
	var revision int64
	for i := range 5 {
		revision = must(c.cli.Put(c.ctx, "compacted", fmt.Sprint(i))).Header.Revision
	}
	must(c.cli.Compact(c.ctx, revision-1, clientv3.WithCompactPhysical()))
	_, err := c.cli.Get(c.ctx, "compacted", clientv3.WithRev(revision-2))
	c.that(err == rpctypes.ErrCompacted, "below the compaction: %v", err)
	kept := must(c.cli.Get(c.ctx, "compacted", clientv3.WithRev(revision-1)))
	c.that(pairs(kept) == "compacted=3", "at the compaction: %s", pairs(kept))
	_, err = c.cli.Compact(c.ctx, revision-1)
	c.that(err == rpctypes.ErrCompacted, "compacted twice: %v", err)
	answer := c.next(c.cli.Watch(c.ctx, "compacted", clientv3.WithRev(revision-3)))
	c.that(answer.Canceled && answer.Err() == rpctypes.ErrCompacted, "a watch: %v", answer.Err())
	at := answer.CompactRevision
	c.that(at == revision-1, "the watch names compaction %d, not %d", at, revision-1)
}
