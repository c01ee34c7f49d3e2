//! Prints which test shows each RPC, field and error; the code is 1 when one of them has none.
#![allow(clippy::print_stdout, reason = "this file is where the program speaks")]

use std::process::ExitCode;

use tests::coverage::Table;

fn main() -> ExitCode {
    let table = Table::of_repository();
    println!("{}", table.markdown());
    for section in &table.sections {
        section.holes.iter().for_each(|hole| println!("hole in {}: {hole}", section.title));
    }
    table.broken.iter().for_each(|row| println!("broken: {row}"));
    let rows: usize = table.sections.iter().map(|section| section.rows.len()).sum();
    println!("{rows} rows, {} holes, {} broken", table.holes(), table.broken.len());
    match table.holes() + table.broken.len() {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}
