//! The table: medians of all turns, with the range where it matters.

use crate::arguments::Format;
use crate::case::{CASES, Case};
use crate::floors;
use crate::memory::Footprint;
use crate::programs::Server;
use crate::results::Results;
use crate::sample::{Measured, Spread};

/// Cells by rows; the first row names the columns.
type Cells = Vec<Vec<String>>;

/// What a row at rest shows.
type RestFigure = fn(&Footprint) -> f64;

/// The whole report.
#[must_use]
pub fn render(results: &Results, format: Format) -> String {
    if format == Format::Json {
        return serde_json::to_string_pretty(results).expect("figures can be written") + "\n";
    }
    let mut text = String::new();
    for members in results.sizes() {
        text += &format!("\n{members} member(s); median (least to greatest)\n\n");
        text += &write(&throughput(results, members), format);
        text += "\nlatency in µs, etcd / cairn (medians)\n\n";
        text += &write(&latency(results, members), format);
    }
    if !results.rest.is_empty() {
        text += "\nat rest, one member\n\n";
        text += &write(&rest(results), format);
    }
    let verdicts = floors::verdicts(results);
    if !verdicts.is_empty() {
        text += "\nfloors: throughput and CPU time a request, cairn by etcd\n\n";
        text += &write(&floor_cells(&verdicts), format);
    }
    text
}

fn header(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

/// A figure with as many digits as matter.
fn short(figure: f64) -> String {
    match figure {
        figure if figure >= 10_000.0 => format!("{:.1}k", figure / 1000.0),
        figure if figure >= 100.0 => format!("{figure:.0}"),
        figure => format!("{figure:.1}"),
    }
}

fn ranged(spread: Option<Spread>) -> String {
    match spread {
        None => "-".into(),
        Some(Spread { median, min, max }) => {
            format!("{} ({} to {})", short(median), short(min), short(max))
        }
    }
}

fn middle(spread: Option<Spread>) -> String {
    spread.map_or("-".into(), |spread| short(spread.median))
}

fn ratio(above: Option<Spread>, below: Option<Spread>) -> String {
    match (above, below) {
        (Some(above), Some(below)) => format!("{:.2}", above.median / below.median),
        _ => "-".into(),
    }
}

fn measured_cases(results: &Results, members: usize) -> impl Iterator<Item = &'static Case> {
    let is_measured = move |case: &&Case| {
        results.rows.iter().any(|row| (row.members, row.case) == (members, case.name))
    };
    CASES.iter().filter(is_measured)
}

fn throughput(results: &Results, members: usize) -> Cells {
    let mut cells = vec![header(&[
        "case",
        "etcd/s",
        "cairn/s",
        "ratio",
        "empty/s",
        "of empty",
        "etcd CPU µs",
        "cairn CPU µs",
        "ratio",
        "etcd MiB",
        "cairn MiB",
        "ratio",
    ])];
    for case in measured_cases(results, members) {
        let of =
            |server, figure: fn(&Measured) -> f64| results.spread(members, case, server, figure);
        let speed = |server| of(server, |measured| measured.requests_per_second);
        let cpu = |server| of(server, |measured| measured.cpu_us);
        let memory = |server| of(server, |measured| measured.resident_mib);
        cells.push(vec![
            case.name.into(),
            ranged(speed(Server::Etcd)),
            ranged(speed(Server::Cairn)),
            ratio(speed(Server::Cairn), speed(Server::Etcd)),
            middle(speed(Server::Empty)),
            ratio(speed(Server::Cairn), speed(Server::Empty)),
            middle(cpu(Server::Etcd)),
            middle(cpu(Server::Cairn)),
            ratio(cpu(Server::Cairn), cpu(Server::Etcd)),
            middle(memory(Server::Etcd)),
            middle(memory(Server::Cairn)),
            ratio(memory(Server::Cairn), memory(Server::Etcd)),
        ]);
    }
    cells
}

fn latency(results: &Results, members: usize) -> Cells {
    let mut cells = vec![header(&["case", "p50", "p99", "p99.9", "max"])];
    let figures: [fn(&Measured) -> f64; 4] =
        [|of| of.p50_us, |of| of.p99_us, |of| of.p999_us, |of| of.max_us];
    for case in measured_cases(results, members) {
        let mut row = vec![case.name.to_string()];
        for figure in figures {
            let of = |server| middle(results.spread(members, case, server, figure));
            row.push(format!("{} / {}", of(Server::Etcd), of(Server::Cairn)));
        }
        cells.push(row);
    }
    cells
}

fn rest(results: &Results) -> Cells {
    let mut cells = vec![header(&["", "etcd", "cairn", "ratio"])];
    let keys = results.rest.first().map_or(0, |rest| rest.footprint.keys);
    let rows: [(String, RestFigure); 3] = [
        ("idle, MiB".into(), |of| of.idle_mib),
        ("idle, % of a core".into(), |of| of.idle_cpu_percent),
        (format!("{keys} keys of 150 B, MiB"), |of| of.full_mib),
    ];
    for (name, figure) in rows {
        let of = |server| results.at_rest(server, figure);
        let (etcd, cairn) = (of(Server::Etcd), of(Server::Cairn));
        cells.push(vec![name, ranged(etcd), ranged(cairn), ratio(cairn, etcd)]);
    }
    cells
}

fn floor_cells(verdicts: &[floors::Verdict]) -> Cells {
    let mut cells = vec![header(&["case", "throughput", "least", "CPU", "most", ""])];
    for verdict in verdicts {
        cells.push(vec![
            verdict.name.clone(),
            format!("{:.2}", verdict.throughput.0),
            format!("{:.2}", verdict.throughput.1),
            format!("{:.2}", verdict.cpu.0),
            verdict.cpu.1.map_or("-".into(), |most| format!("{most:.2}")),
            if verdict.holds() { "holds" } else { "MISSED" }.into(),
        ]);
    }
    cells
}

fn write(cells: &Cells, format: Format) -> String {
    let columns = cells.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        cells.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for (number, row) in cells.iter().enumerate() {
        let padded: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        text += &match format {
            Format::Markdown => format!("| {} |\n", padded.join(" | ")),
            _ => format!("{}\n", padded.join("  ").trim_end()),
        };
        if number == 0 && format == Format::Markdown {
            text += &format!("|{}\n", "---|".repeat(columns));
        }
    }
    text
}
