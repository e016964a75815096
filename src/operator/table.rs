//! A list, and its faces: aligned lines for a person at the console, the headers of events for AMI. Pure.
//!
//! A list says once which columns it has and what stands in them; whoever reads it chooses the face.

/// What stands in one cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// A text, aligned to the left.
    Text(String),
    /// A text; the console puts a `*` behind it where the mark is set.
    Marked(String, bool),
    /// A number, aligned to the right.
    Number(u64),
    /// `*` or nothing at the console, `yes` or `no` over AMI.
    Mark(bool),
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<usize> for Cell {
    fn from(number: usize) -> Self {
        Self::Number(u64::try_from(number).unwrap_or(u64::MAX))
    }
}

/// What a column is called and how wide it is.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// What stands over it at the console; `None` where it is not shown there.
    pub title: Option<&'static str>,
    /// The AMI header that has it.
    pub key: &'static str,
    /// Least width at the console, in letters.
    pub width: usize,
}

impl Column {
    /// Makes a column that everybody sees.
    #[must_use]
    pub const fn new(title: &'static str, key: &'static str, width: usize) -> Self {
        Self { title: Some(title), key, width }
    }
}

/// A list: the columns, and a row for each of what it lists.
#[derive(Clone, Debug)]
pub struct Table {
    /// Name of the AMI event that has one row.
    pub event: &'static str,
    /// Name of the AMI event behind the last one.
    pub complete: &'static str,
    /// Its columns.
    pub columns: &'static [Column],
    /// Its rows, each with a cell for each column.
    pub rows: Vec<Vec<Cell>>,
}

impl Table {
    /// Returns the lines for the console: the titles, then the rows.
    #[must_use]
    pub fn text(&self) -> String {
        let numbers: Vec<bool> = (0..self.columns.len()).map(|place| self.is_of_numbers(place)).collect();
        let titles = self.columns.iter().map(|column| column.title.unwrap_or_default().to_owned()).collect();
        let rows = self.rows.iter().map(|row| row.iter().map(at_console).collect());
        let line = |cells: Vec<String>| {
            let shown = self.columns.iter().zip(&numbers).zip(cells);
            let shown = shown.filter(|((column, _), _)| column.title.is_some());
            let aligned = shown.map(|((Column { width, .. }, is_number), cell)| match is_number {
                true => format!("{cell:>width$}"),
                false => format!("{cell:<width$}"),
            });
            format!("{}\n", aligned.collect::<Vec<_>>().join(" ").trim_end())
        };
        std::iter::once(titles).chain(rows).map(line).collect()
    }

    /// Returns the headers of the AMI event of each row.
    #[must_use]
    pub fn items(&self) -> Vec<Vec<(&'static str, String)>> {
        let item = |row: &Vec<Cell>| {
            self.columns.iter().zip(row).map(|(column, cell)| (column.key, over_ami(cell))).collect()
        };
        self.rows.iter().map(item).collect()
    }

    fn is_of_numbers(&self, place: usize) -> bool {
        self.rows.iter().any(|row| matches!(row.get(place), Some(Cell::Number(_))))
    }
}

fn at_console(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) | Cell::Marked(text, false) => text.clone(),
        Cell::Marked(text, true) => format!("{text}*"),
        Cell::Number(number) => number.to_string(),
        Cell::Mark(set) => if *set { "*" } else { "" }.to_owned(),
    }
}

fn over_ami(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) | Cell::Marked(text, _) => text.clone(),
        Cell::Number(number) => number.to_string(),
        Cell::Mark(set) => if *set { "yes" } else { "no" }.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 4] = [
        Column::new("", "InForce", 1),
        Column::new("Version", "Version", 7),
        Column::new("Name", "Name", 6),
        Column { title: None, key: "Secret", width: 0 },
    ];

    #[test]
    fn a_list_has_a_face_for_the_console_and_one_for_ami() {
        let row = |mark, number: usize, name: &str| {
            vec![Cell::Mark(mark), number.into(), Cell::Marked(name.to_owned(), mark), "x".into()]
        };
        let rows = vec![row(true, 12, "Zoë"), row(false, 3, "")];
        let table = Table { event: "One", complete: "All", columns: &COLUMNS, rows };
        assert_eq!(table.text(), "  Version Name\n*      12 Zoë*\n        3\n");
        let items: Vec<Vec<_>> = table.items();
        let first = [("InForce", "yes"), ("Version", "12"), ("Name", "Zoë"), ("Secret", "x")];
        assert_eq!(items.first().unwrap(), &first.map(|(key, value)| (key, value.to_owned())));
    }
}
