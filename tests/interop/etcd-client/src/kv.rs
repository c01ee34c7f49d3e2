//! Keys and transactions.

use etcd_client::{
    Client, Compare, CompareOp, DeleteOptions, Error, GetOptions, PutOptions, SortOrder,
    SortTarget, Txn, TxnOp, TxnOpResponse,
};

use crate::{Outcome, check};

/// Puts, ranges, deletions.
pub async fn keys(mut client: Client) -> Outcome {
    for (key, value) in [("rs/a", "1"), ("rs/b", "2"), ("rs/c", "3")] {
        client.put(key, value, None).await?;
    }
    let previous = PutOptions::new().with_prev_key();
    let put = client.put("rs/b", "22", Some(previous)).await?;
    let before = put.prev_key().map(|kv| kv.value().to_vec());
    check(before.as_deref() == Some(b"2"), format!("the previous value is {before:?}"))?;
    let revision = put.header().map_or(0, |header| header.revision());

    let all = client.get("rs/", Some(GetOptions::new().with_prefix())).await?;
    let found: Vec<(&[u8], &[u8])> = all.kvs().iter().map(|kv| (kv.key(), kv.value())).collect();
    let wanted: [(&[u8], &[u8]); 3] = [(b"rs/a", b"1"), (b"rs/b", b"22"), (b"rs/c", b"3")];
    check(found == wanted, format!("found {found:?}"))?;
    let old = GetOptions::new().with_revision(revision - 1).with_serializable();
    let old = client.get("rs/b", Some(old)).await?;
    check(old.kvs()[0].value() == b"2", "the past has changed")?;
    let sorted = GetOptions::new()
        .with_prefix()
        .with_sort(SortTarget::Value, SortOrder::Descend)
        .with_limit(2);
    let sorted = client.get("rs/", Some(sorted)).await?;
    let values: Vec<&[u8]> = sorted.kvs().iter().map(|kv| kv.value()).collect();
    check(values == [b"3".as_slice(), b"22"] && sorted.more(), format!("sorted: {values:?}"))?;
    let counted = GetOptions::new().with_prefix().with_count_only();
    let counted = client.get("rs/", Some(counted)).await?;
    check(counted.count() == 3 && counted.kvs().is_empty(), "counted wrongly")?;

    let all = DeleteOptions::new().with_prefix().with_prev_key();
    let gone = client.delete("rs/", Some(all)).await?;
    check(gone.deleted() == 3 && gone.prev_kvs().len() == 3, "deleted wrongly")
}

/// The texts that programs match on.
pub async fn refusals(mut client: Client) -> Outcome {
    let told = |outcome: Result<(), Error>| match outcome {
        Err(Error::GRpcStatus(status)) => status.message().to_owned(),
        other => format!("{other:?}"),
    };
    let empty = told(client.put("", "x", None).await.map(drop));
    check(empty == "etcdserver: key is not provided", empty)?;
    let future = GetOptions::new().with_revision(1 << 40);
    let future = told(client.get("rs/a", Some(future)).await.map(drop));
    check(future == "etcdserver: mvcc: required revision is a future revision", future)?;
    let lease = told(client.lease_revoke(0x1234).await.map(drop));
    check(lease == "etcdserver: requested lease not found", lease)?;
    let twice = vec![TxnOp::put("rs/x", "1", None), TxnOp::put("rs/x", "2", None)];
    let twice = told(client.txn(Txn::new().and_then(twice)).await.map(drop));
    check(twice == "etcdserver: duplicate key given in txn request", twice)
}

/// Compares, both branches, a nested transaction.
pub async fn transactions(mut client: Client) -> Outcome {
    client.put("rs/txn", "1", None).await?;
    let inner = Txn::new()
        .when(vec![Compare::version("rs/none", CompareOp::Equal, 0)])
        .and_then(vec![TxnOp::put("rs/inner", "x", None)]);
    let txn = Txn::new()
        .when(vec![Compare::value("rs/txn", CompareOp::Equal, "1")])
        .and_then(vec![
            TxnOp::get("rs/txn", None),
            TxnOp::txn(inner),
            TxnOp::delete("rs/txn", None),
        ])
        .or_else(vec![TxnOp::put("rs/wrong", "x", None)]);
    let answer = client.txn(txn.clone()).await?;
    check(answer.succeeded(), "a compare that holds does not")?;
    match &answer.op_responses()[..] {
        [TxnOpResponse::Get(get), TxnOpResponse::Txn(inner), TxnOpResponse::Delete(delete)] => {
            check(get.kvs()[0].value() == b"1", "a read within a transaction")?;
            check(inner.succeeded() && delete.deleted() == 1, "what a transaction did")?;
        }
        others => return Err(format!("answers {others:?}").into()),
    }
    check(!client.txn(txn).await?.succeeded(), "a compare that does not hold does")?;
    let left = client.get("rs/", Some(GetOptions::new().with_prefix())).await?;
    let keys: Vec<&[u8]> = left.kvs().iter().map(|kv| kv.key()).collect();
    check(keys == [b"rs/inner".as_slice(), b"rs/wrong"], format!("left {keys:?}"))
}
