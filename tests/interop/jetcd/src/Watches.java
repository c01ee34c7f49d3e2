import io.etcd.jetcd.KV;
import io.etcd.jetcd.Watch;
import io.etcd.jetcd.options.DeleteOption;
import io.etcd.jetcd.options.WatchOption;
import io.etcd.jetcd.watch.WatchEvent;
import io.etcd.jetcd.watch.WatchResponse;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** Watches. */
final class Watches {
    private static <T> T next(BlockingQueue<T> told) throws Exception {
        T event = told.poll(Cluster.PATIENCE_SECONDS, TimeUnit.SECONDS);
        Cluster.that(event != null, "nothing is told");
        return event;
    }

    private static void is(String wanted, WatchEvent event) {
        Cluster.same(wanted, event.getEventType() + " " + event.getKeyValue().getKey() + " "
            + event.getKeyValue().getValue() + " after " + event.getPrevKV().getValue());
    }

    static void watch(Cluster cluster) throws Exception {
        KV kv = cluster.client().getKVClient();
        long from = Cluster.answer(kv.put(Cluster.bytes("watch/a"), Cluster.bytes("1")))
            .getHeader().getRevision();
        Cluster.answer(kv.put(Cluster.bytes("watch/a"), Cluster.bytes("2")));
        BlockingQueue<WatchEvent> told = new LinkedBlockingQueue<>();
        BlockingQueue<Throwable> failures = new LinkedBlockingQueue<>();
        WatchOption.Builder all = WatchOption.builder().isPrefix(true).withRevision(from);
        WatchOption option = all.withPrevKV(true).withProgressNotify(true).build();
        Watch watch = cluster.client().getWatchClient();
        try (Watch.Watcher watcher = watch.watch(Cluster.bytes("watch/"), option,
                Watch.listener(answer -> told.addAll(answer.getEvents()), failures::add))) {
            is("PUT watch/a 1 after ", next(told));
            is("PUT watch/a 2 after 1", next(told));
            Cluster.answer(kv.put(Cluster.bytes("watch/b"), Cluster.bytes("3")));
            is("PUT watch/b 3 after ", next(told));
            Cluster.answer(kv.delete(Cluster.bytes("watch/"),
                DeleteOption.builder().isPrefix(true).build()));
            is("DELETE watch/a  after 2", next(told));
            is("DELETE watch/b  after 3", next(told));
        }
        Cluster.that(failures.isEmpty(), failures.toString());
        progress(cluster);
        compacted(cluster, from);
    }

    /** Asked for, a watch says up to where it has told everything. */
    private static void progress(Cluster cluster) throws Exception {
        BlockingQueue<WatchResponse> told = new LinkedBlockingQueue<>();
        Watch watch = cluster.client().getWatchClient();
        try (Watch.Watcher watcher = watch.watch(Cluster.bytes("watch/quiet"),
                WatchOption.builder().withProgressNotify(true).build(),
                Watch.listener(told::add))) {
            // The first request may come before the watch is made.
            WatchResponse answer = null;
            for (int tries = 0; answer == null && tries < Cluster.PATIENCE_SECONDS; tries++) {
                watcher.requestProgress();
                answer = told.poll(1, TimeUnit.SECONDS);
            }
            Cluster.that(answer != null && answer.isProgressNotify(), "no progress is told");
        }
    }

    private static void compacted(Cluster cluster, long from) throws Exception {
        KV kv = cluster.client().getKVClient();
        Cluster.answer(kv.compact(from + 1));
        BlockingQueue<Throwable> failures = new LinkedBlockingQueue<>();
        try (Watch.Watcher watcher = cluster.client().getWatchClient().watch(
                Cluster.bytes("watch/a"), WatchOption.builder().withRevision(from).build(),
                Watch.listener(answer -> { }, failures::add))) {
            String told = next(failures).toString();
            Cluster.that(told.contains("required revision has been compacted"), told);
        }
    }
}
