//! Which path calls what: the HTTP rules of the API's descriptors.

use std::collections::BTreeMap;

use prost_reflect::{
    DescriptorPool, DynamicMessage, ExtensionDescriptor, MessageDescriptor, MethodDescriptor, Value,
};

use crate::grpc::{Kind, Rpc};

/// The option of a method that holds its rule.
const HTTP_OPTION: &str = "google.api.http";

/// What a path calls.
#[derive(Clone, Debug)]
pub(super) struct Binding {
    pub(super) rpc: Rpc,
    pub(super) kind: Kind,
    /// What the request is.
    pub(super) input: MessageDescriptor,
    /// What each answer is.
    pub(super) output: MessageDescriptor,
}

/// Bindings by their paths. All have the method POST and the whole message as their body.
#[derive(Debug)]
pub(super) struct Bindings(BTreeMap<String, Binding>);

impl Bindings {
    /// The bindings of every RPC that the router knows.
    pub(super) fn of_descriptors() -> Bindings {
        let pool = DescriptorPool::decode(proto::FILE_DESCRIPTOR_SET)
            .expect("the descriptors are those that the messages were generated from");
        let option = pool
            .get_extension_by_name(HTTP_OPTION)
            .expect("the descriptors include the options that they use");
        let mut bindings = BTreeMap::new();
        for method in pool.services().flat_map(|service| service.methods().collect::<Vec<_>>()) {
            let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
            let Some(rpc) = Rpc::find(&path) else { continue };
            let binding = Binding {
                rpc,
                kind: rpc.method().kind,
                input: method.input(),
                output: method.output(),
            };
            bindings.extend(paths(&method, &option).into_iter().map(|at| (at, binding.clone())));
        }
        Bindings(bindings)
    }

    /// What a path calls.
    pub(super) fn find(&self, path: &str) -> Option<&Binding> {
        self.0.get(path)
    }
}

/// The paths of a method: of its rule, and of the rules within that.
fn paths(method: &MethodDescriptor, option: &ExtensionDescriptor) -> Vec<String> {
    let options = method.options();
    if !options.has_extension(option) {
        return Vec::new();
    }
    let rule = options.get_extension(option);
    let Some(rule) = rule.as_message() else { return Vec::new() };
    let mut paths = vec![posted_to(rule)];
    let additional = rule.get_field_by_name("additional_bindings");
    let additional = additional.iter().filter_map(|rules| rules.as_list()).flatten();
    paths.extend(additional.filter_map(Value::as_message).map(posted_to));
    paths
}

fn posted_to(rule: &DynamicMessage) -> String {
    let path = rule.get_field_by_name("post").filter(|_| rule.has_field_by_name("post"));
    let path = path.as_deref().and_then(Value::as_str).map(str::to_owned);
    path.expect("every rule of the API is a POST")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use prost_reflect::{Kind, MessageDescriptor};

    use super::Bindings;
    use crate::grpc::Rpc;

    #[test]
    fn every_rpc_of_etcd_but_one_has_its_paths() {
        let bindings = Bindings::of_descriptors();
        assert_eq!(bindings.0.len(), 51);
        let bound: BTreeSet<&str> =
            bindings.0.values().map(|binding| binding.rpc.method().path).collect();
        let unbound = Rpc::ALL.iter().map(|rpc| rpc.method());
        let unbound = unbound.filter(|method| !bound.contains(method.path));
        let unbound: Vec<&str> = unbound
            .filter(|method| !method.service.starts_with("grpc."))
            .map(|method| method.name)
            .collect();
        assert_eq!(unbound, ["RangeStream"]);
        for (path, rpc) in [
            ("/v3/kv/range", Rpc::Range),
            ("/v3/kv/lease/revoke", Rpc::LeaseRevoke),
            ("/v3/lease/revoke", Rpc::LeaseRevoke),
            ("/v3/maintenance/transfer-leadership", Rpc::MoveLeader),
            ("/v3/election/observe", Rpc::Observe),
        ] {
            assert_eq!(bindings.find(path).map(|binding| binding.rpc), Some(rpc), "{path}");
        }
        assert!(bindings.find("/v3/kv/range/").is_none());
    }

    /// What requests do not have, the mapping from JSON does not know.
    #[test]
    fn no_request_has_a_map_a_group_or_a_broken_number() {
        let bindings = Bindings::of_descriptors();
        let mut waiting: Vec<MessageDescriptor> =
            bindings.0.values().map(|binding| binding.input.clone()).collect();
        let mut seen = BTreeSet::new();
        while let Some(message) = waiting.pop() {
            if !seen.insert(message.full_name().to_owned()) {
                continue;
            }
            for field in message.fields() {
                let name = field.full_name();
                assert!(!field.is_map(), "{name} is a map");
                assert!(!field.is_group(), "{name} is a group");
                match field.kind() {
                    Kind::Float | Kind::Double => panic!("{name} is a broken number"),
                    Kind::Message(message) => waiting.push(message),
                    _ => {}
                }
            }
        }
        for within in ["etcdserverpb.RequestOp", "authpb.Permission", "authpb.UserAddOptions"] {
            assert!(seen.contains(within), "{within} was not looked at: {seen:?}");
        }
    }
}
