package main

import (
	"errors"
	"fmt"
	"strings"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// pairs shows what a range found.
func pairs(answer *clientv3.GetResponse) string {
	var found []string
	for _, kv := range answer.Kvs {
		found = append(found, fmt.Sprintf("%s=%s", kv.Key, kv.Value))
	}
	return strings.Join(found, " ")
}

func kv(c *check) {
	for _, key := range []string{"kv/a", "kv/b", "kv/c", "kv/b"} {
		must(c.cli.Put(c.ctx, key, "of "+key))
	}
	put := must(c.cli.Put(c.ctx, "kv/a", "2", clientv3.WithPrevKV()))
	c.that(string(put.PrevKv.Value) == "of kv/a", "previous value %q", put.PrevKv.Value)
	all := must(c.cli.Get(c.ctx, "kv/", clientv3.WithPrefix()))
	c.that(pairs(all) == "kv/a=2 kv/b=of kv/b kv/c=of kv/c", "found %s", pairs(all))
	c.that(all.Count == 3 && !all.More, "count %d, more %v", all.Count, all.More)
	c.that(all.Kvs[1].Version == 2, "version %d of a key put twice", all.Kvs[1].Version)
	old := must(c.cli.Get(c.ctx, "kv/a", clientv3.WithRev(put.Header.Revision-1)))
	c.that(pairs(old) == "kv/a=of kv/a", "one revision before: %s", pairs(old))
	sorted := must(c.cli.Get(c.ctx, "kv/", clientv3.WithPrefix(), clientv3.WithLimit(2),
		clientv3.WithSort(clientv3.SortByModRevision, clientv3.SortDescend)))
	c.that(pairs(sorted) == "kv/a=2 kv/b=of kv/b" && sorted.More, "sorted %s", pairs(sorted))
	local := must(c.cli.Get(c.ctx, "kv/b", clientv3.WithFromKey(), clientv3.WithKeysOnly(),
		clientv3.WithSerializable()))
	c.that(len(local.Kvs) >= 1, "a serializable read from a key on found nothing")
	count := must(c.cli.Get(c.ctx, "kv/", clientv3.WithPrefix(), clientv3.WithCountOnly()))
	c.that(count.Count == 3 && len(count.Kvs) == 0, "counted %d", count.Count)
	gone := must(c.cli.Delete(c.ctx, "kv/", clientv3.WithPrefix(), clientv3.WithPrevKV()))
	c.that(gone.Deleted == 3 && len(gone.PrevKvs) == 3, "deleted %d", gone.Deleted)
	again := must(c.cli.Delete(c.ctx, "kv/", clientv3.WithPrefix()))
	same := again.Header.Revision == gone.Header.Revision
	c.that(again.Deleted == 0 && same, "a deletion of nothing made a revision")
}

// refusals are told apart by programs with the values of rpctypes.
func refusals(c *check) {
	expect := func(want, got error) {
		c.that(errors.Is(got, want), "got %v, etcd says %v", got, want)
	}
	_, err := c.cli.Get(c.ctx, "")
	expect(rpctypes.ErrEmptyKey, err)
	_, err = c.cli.Put(c.ctx, "errors/missing", "", clientv3.WithIgnoreValue())
	expect(rpctypes.ErrKeyNotFound, err)
	_, err = c.cli.Put(c.ctx, "errors/a", "", clientv3.WithLease(0x1234))
	expect(rpctypes.ErrLeaseNotFound, err)
	_, err = c.cli.Get(c.ctx, "errors/a", clientv3.WithRev(1<<40))
	expect(rpctypes.ErrFutureRev, err)
	twice := []clientv3.Op{clientv3.OpPut("errors/a", ""), clientv3.OpPut("errors/a", "")}
	_, err = c.cli.Txn(c.ctx).Then(twice...).Commit()
	expect(rpctypes.ErrDuplicateKey, err)
	var many []clientv3.Op
	for i := range 129 {
		many = append(many, clientv3.OpPut(fmt.Sprint("errors/", i), ""))
	}
	_, err = c.cli.Txn(c.ctx).Then(many...).Commit()
	expect(rpctypes.ErrTooManyOps, err)
	_, err = c.cli.Put(c.ctx, "errors/large", strings.Repeat("x", 1600*1024))
	expect(rpctypes.ErrRequestTooLarge, err)
	_, err = c.cli.Revoke(c.ctx, 0x1234)
	expect(rpctypes.ErrLeaseNotFound, err)
	_, err = c.cli.MemberRemove(c.ctx, 0x1234)
	expect(rpctypes.ErrMemberNotFound, err)
	found := must(c.cli.Get(c.ctx, "errors/", clientv3.WithPrefix()))
	c.that(found.Count == 0, "refused requests left %s", pairs(found))
}

func transactions(c *check) {
	create := func(value string) *clientv3.TxnResponse {
		return must(c.cli.Txn(c.ctx).
			If(clientv3.Compare(clientv3.CreateRevision("txn/a"), "=", 0)).
			Then(clientv3.OpPut("txn/a", value)).
			Else(clientv3.OpGet("txn/a")).
			Commit())
	}
	c.that(create("first").Succeeded, "a key that is absent could not be created")
	second := create("second")
	found := second.Responses[0].GetResponseRange()
	c.that(!second.Succeeded && string(found.Kvs[0].Value) == "first", "created twice")
	nested := clientv3.OpTxn(
		[]clientv3.Cmp{clientv3.Compare(clientv3.Value("txn/a"), "=", "first")},
		[]clientv3.Op{clientv3.OpPut("txn/b", "x"), clientv3.OpGet("txn/b")},
		[]clientv3.Op{clientv3.OpDelete("txn/a")},
	)
	whole := must(c.cli.Txn(c.ctx).
		If(clientv3.Compare(clientv3.Version("txn/a"), ">", 0),
			clientv3.Compare(clientv3.Value("txn/"), "!=", "z").WithPrefix()).
		Then(nested, clientv3.OpPut("txn/c", "y")).
		Commit())
	inner := whole.Responses[0].GetResponseTxn()
	c.that(whole.Succeeded && inner.Succeeded, "compares that hold do not")
	read := inner.Responses[1].GetResponseRange()
	c.that(len(read.Kvs) == 1 && string(read.Kvs[0].Value) == "x", "a txn does not see its put")
	after := must(c.cli.Get(c.ctx, "txn/", clientv3.WithPrefix()))
	c.that(pairs(after) == "txn/a=first txn/b=x txn/c=y", "left %s", pairs(after))
	one := after.Kvs[1].ModRevision == after.Kvs[2].ModRevision
	c.that(one, "the puts of one txn have two revisions")
}
