import io.etcd.jetcd.ByteSequence;
import io.etcd.jetcd.Client;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;

/** What chapters work with. */
record Cluster(Client client, List<String> endpoints) {
    /** For one call on a busy machine. */
    static final long PATIENCE_SECONDS = 30;

    static ByteSequence bytes(String text) {
        return ByteSequence.from(text, StandardCharsets.UTF_8);
    }

    static <T> T answer(CompletableFuture<T> future) throws Exception {
        return future.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
    }

    static void same(Object wanted, Object found) {
        that(wanted.equals(found), found + " is not " + wanted);
    }

    static void that(boolean holds, String otherwise) {
        if (!holds) {
            throw new AssertionError(otherwise);
        }
    }

    /** The call is refused with this in its text. */
    static void refused(String text, CompletableFuture<?> future) throws Exception {
        try {
            answer(future);
        } catch (ExecutionException refusal) {
            String told = String.valueOf(refusal.getCause());
            that(told.contains(text), told + " has no \"" + text + "\"");
            return;
        }
        throw new AssertionError("allowed, not refused with \"" + text + "\"");
    }
}
