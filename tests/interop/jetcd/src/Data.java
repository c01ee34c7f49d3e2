import io.etcd.jetcd.ByteSequence;
import io.etcd.jetcd.KV;
import io.etcd.jetcd.KeyValue;
import io.etcd.jetcd.kv.GetResponse;
import io.etcd.jetcd.kv.TxnResponse;
import io.etcd.jetcd.op.Cmp;
import io.etcd.jetcd.op.CmpTarget;
import io.etcd.jetcd.op.Op;
import io.etcd.jetcd.options.CompactOption;
import io.etcd.jetcd.options.DeleteOption;
import io.etcd.jetcd.options.GetOption;
import io.etcd.jetcd.options.PutOption;
import java.util.List;

/** Keys and transactions. */
final class Data {
    private static GetOption.Builder all() {
        return GetOption.builder().isPrefix(true);
    }

    private static List<String> keys(GetResponse answer) {
        return answer.getKvs().stream().map(pair -> pair.getKey().toString()).toList();
    }

    private static ByteSequence b(String text) {
        return Cluster.bytes(text);
    }

    static void kv(Cluster cluster) throws Exception {
        KV kv = cluster.client().getKVClient();
        for (String name : List.of("a", "b", "c")) {
            Cluster.answer(kv.put(b("kv/" + name), b(name)));
        }
        PutOption previous = PutOption.builder().withPrevKV().build();
        KeyValue old = Cluster.answer(kv.put(b("kv/b"), b("x"), previous)).getPrevKv();
        Cluster.same("b", old.getValue().toString());
        GetResponse one = Cluster.answer(kv.get(b("kv/b")));
        Cluster.same(2L, one.getKvs().get(0).getVersion());
        Cluster.same(List.of("kv/a", "kv/b", "kv/c"),
            keys(Cluster.answer(kv.get(b("kv/"), all().build()))));
        GetResponse some = Cluster.answer(kv.get(b("kv/"), all().withLimit(2)
            .withSortField(GetOption.SortTarget.MOD)
            .withSortOrder(GetOption.SortOrder.DESCEND).build()));
        Cluster.same(List.of("kv/b", "kv/c"), keys(some));
        Cluster.same(3L, some.getCount());
        Cluster.that(some.isMore(), "there is more");
        Cluster.same(3L, Cluster.answer(kv.get(b("kv/"), all().withCountOnly(true).build()))
            .getCount());
        GetResponse bare = Cluster.answer(kv.get(b("kv/a"),
            GetOption.builder().withKeysOnly(true).withSerializable(true).build()));
        Cluster.that(bare.getKvs().get(0).getValue().isEmpty(), "keys only");
        GetResponse past = Cluster.answer(kv.get(b("kv/b"),
            GetOption.builder().withRevision(old.getModRevision()).build()));
        Cluster.same("b", past.getKvs().get(0).getValue().toString());
        Cluster.same(3L, Cluster.answer(kv.delete(b("kv/"),
            DeleteOption.builder().isPrefix(true).withPrevKV(true).build())).getDeleted());
        Cluster.refused("key is not provided", kv.put(b(""), b("x")));
    }

    static void txn(Cluster cluster) throws Exception {
        KV kv = cluster.client().getKVClient();
        Cluster.answer(kv.put(b("txn/a"), b("1")));
        Cmp isOne = new Cmp(b("txn/a"), Cmp.Op.EQUAL, CmpTarget.value(b("1")));
        Cmp isNew = new Cmp(b("txn/none"), Cmp.Op.EQUAL, CmpTarget.version(0));
        Op get = Op.get(b("txn/a"), GetOption.DEFAULT);
        Op put = Op.put(b("txn/a"), b("2"), PutOption.DEFAULT);
        for (boolean wanted : new boolean[] {true, false}) {
            TxnResponse done = Cluster.answer(
                kv.txn().If(isOne, isNew).Then(put, get).Else(get).commit());
            Cluster.same(wanted, done.isSucceeded());
            Cluster.same("2", done.getGetResponses().get(0).getKvs().get(0).getValue().toString());
        }
        Op nested = Op.txn(new Cmp[] {isNew}, new Op[] {put}, new Op[] {});
        Cluster.that(Cluster.answer(kv.txn().Then(nested).commit()).isSucceeded(), "nested");
        Cluster.refused("duplicate key given in txn request", kv.txn().Then(put, put).commit());
    }

    static void compaction(Cluster cluster) throws Exception {
        KV kv = cluster.client().getKVClient();
        long first = Cluster.answer(kv.put(b("compact/a"), b("1"))).getHeader().getRevision();
        long second = Cluster.answer(kv.put(b("compact/a"), b("2"))).getHeader().getRevision();
        CompactOption physical = CompactOption.builder().withCompactPhysical(true).build();
        Cluster.answer(kv.compact(second, physical));
        Cluster.refused("required revision has been compacted",
            kv.get(b("compact/a"), GetOption.builder().withRevision(first).build()));
        Cluster.refused("required revision is a future revision", kv.compact(second + 1000));
    }
}
