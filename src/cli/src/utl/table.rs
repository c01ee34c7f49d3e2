//! A table in boxes, as `etcdutl` draws it: headers in capitals and centred, cells to the right.

/// Draws one header and its rows.
pub fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([header[column].len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let line = |left: &str, middle: &str, right: &str| {
        let parts: Vec<String> = widths.iter().map(|width| "─".repeat(width + 2)).collect();
        format!("{left}{}{right}\n", parts.join(middle))
    };
    let mut text = line("┌", "┬", "┐");
    for (title, width) in header.iter().zip(&widths) {
        let gap = width - title.len();
        let left = gap / 2;
        let (left, right) = (" ".repeat(left), " ".repeat(gap - left));
        text += &format!("│ {left}{}{right} ", title.to_uppercase());
    }
    text += "│\n";
    text += &line("├", "┼", "┤");
    for row in rows {
        for (cell, width) in row.iter().zip(&widths) {
            text += &format!("│ {cell:>width$} ");
        }
        text += "│\n";
    }
    text + &line("└", "┴", "┘")
}

#[cfg(test)]
mod tests {
    use super::table;

    #[test]
    fn it_looks_like_this() {
        let row = ["ed222a43", "100000005", "20 kB"].map(str::to_owned).to_vec();
        let expected = "\
┌──────────┬───────────┬────────────┐
│   HASH   │ REVISION  │ TOTAL SIZE │
├──────────┼───────────┼────────────┤
│ ed222a43 │ 100000005 │      20 kB │
└──────────┴───────────┴────────────┘
";
        assert_eq!(table(&["hash", "revision", "total size"], &[row]), expected);
    }
}
