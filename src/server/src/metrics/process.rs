//! The process itself, from `/proc`: memory, CPU, descriptors. Where a file is missing, its values
//! stay zero.

use prometheus::{Counter, Gauge, IntGauge, Registry};

use super::register;

/// `process_*` and `os_fd_*`.
pub struct ProcessMetrics {
    cpu_seconds: Counter,
    open_fds: IntGauge,
    fd_limit: IntGauge,
    os_fd_used: IntGauge,
    os_fd_limit: IntGauge,
    resident_bytes: IntGauge,
    virtual_bytes: IntGauge,
    threads: IntGauge,
    start_seconds: Gauge,
}

/// What `/proc/self/stat` says.
#[derive(Debug, Default, PartialEq)]
struct Stat {
    cpu_ticks: u64,
    threads: i64,
    start_ticks: u64,
    virtual_bytes: i64,
    resident_pages: i64,
}

impl ProcessMetrics {
    pub(super) fn new(registry: &Registry) -> ProcessMetrics {
        let gauge = |name: &str, help: &str| {
            register(registry, IntGauge::new(name, help).expect("name is valid"))
        };
        let start = "process_start_time_seconds";
        ProcessMetrics {
            cpu_seconds: register(
                registry,
                Counter::new("process_cpu_seconds_total", "CPU time.").expect("name is valid"),
            ),
            open_fds: gauge("process_open_fds", "Open descriptors."),
            fd_limit: gauge("process_max_fds", "Limit of descriptors."),
            os_fd_used: gauge("os_fd_used", "Open descriptors."),
            os_fd_limit: gauge("os_fd_limit", "Limit of descriptors."),
            resident_bytes: gauge("process_resident_memory_bytes", "Resident memory."),
            virtual_bytes: gauge("process_virtual_memory_bytes", "Virtual memory."),
            threads: gauge("process_threads", "Threads."),
            start_seconds: register(
                registry,
                Gauge::new(start, "Start of the process, unix time.").expect("name is valid"),
            ),
        }
    }

    /// Reads `/proc`.
    pub(super) fn refresh(&self) {
        let ticks = rustix::param::clock_ticks_per_second().max(1) as f64;
        let page = i64::try_from(rustix::param::page_size()).unwrap_or(4096);
        let stat = std::fs::read_to_string("/proc/self/stat").ok().and_then(|text| parse(&text));
        if let Some(stat) = stat {
            let cpu = stat.cpu_ticks as f64 / ticks;
            self.cpu_seconds.inc_by((cpu - self.cpu_seconds.get()).max(0.0));
            self.threads.set(stat.threads);
            self.virtual_bytes.set(stat.virtual_bytes);
            self.resident_bytes.set(stat.resident_pages.saturating_mul(page));
            if let Some(boot) = boot_seconds() {
                self.start_seconds.set(boot + stat.start_ticks as f64 / ticks);
            }
        }
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        let limit = limit.map_or(i64::MAX, |limit| i64::try_from(limit).unwrap_or(i64::MAX));
        self.fd_limit.set(limit);
        self.os_fd_limit.set(limit);
        if let Ok(entries) = std::fs::read_dir("/proc/self/fd") {
            let open = i64::try_from(entries.count()).unwrap_or(i64::MAX);
            self.open_fds.set(open);
            self.os_fd_used.set(open);
        }
    }
}

/// The fields after the command's name, which may itself hold spaces and parentheses.
fn parse(text: &str) -> Option<Stat> {
    let (_, rest) = text.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    // The first field here is the third of proc(5).
    let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    let signed = |number: usize| i64::try_from(field(number)?).ok();
    Some(Stat {
        cpu_ticks: field(14)? + field(15)?,
        threads: signed(20)?,
        start_ticks: field(22)?,
        virtual_bytes: signed(23)?,
        resident_pages: signed(24)?,
    })
}

fn boot_seconds() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/stat").ok()?;
    text.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::{Stat, parse};

    #[test]
    fn a_command_name_with_parentheses_does_not_shift_the_fields() {
        let text = "42 (a) b) S 1 42 42 0 -1 4194304 100 0 0 0 30 12 0 0 20 0 7 0 555 \
                    1000000 250 18446744073709551615";
        let stat = Stat {
            cpu_ticks: 42,
            threads: 7,
            start_ticks: 555,
            virtual_bytes: 1_000_000,
            resident_pages: 250,
        };
        assert_eq!(parse(text), Some(stat));
        assert_eq!(parse("nonsense"), None);
    }
}
