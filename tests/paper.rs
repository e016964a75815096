//! What a reader meets first: no link of a page leads nowhere, and the README stays short.

#[cfg(test)]
mod tests {
    use std::{
        collections::{BTreeMap, BTreeSet},
        fs,
        path::{Path, PathBuf},
    };

    /// Lines of the README at most.
    const README_LINES: usize = 150;

    /// The pages at the root. Those below `docs/` come with them.
    const AT_THE_ROOT: [&str; 5] =
        ["README.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md", "deploy/README.md"];

    #[test]
    fn no_link_is_dead() {
        let pages = pages();
        assert!(pages.len() > AT_THE_ROOT.len());
        let dead: Vec<String> =
            pages.iter().flat_map(|(path, page)| dead_links(path, page, &pages)).collect();
        assert!(dead.is_empty(), "dead links:\n{}", dead.join("\n"));
    }

    #[test]
    fn the_readme_is_short_and_has_the_command_that_ci_runs() {
        let readme = fs::read_to_string(root().join("README.md")).unwrap();
        let lines = readme.lines().count();
        assert!(
            lines <= README_LINES,
            "{lines} lines, {README_LINES} at most: what is too long goes to docs/"
        );
        assert!(readme.contains("\n    make test\n"));
    }

    /// The files for port 53 that the package brings: a page that says something else would be wrong.
    #[test]
    fn the_examples_are_those_of_the_page() {
        let page = fs::read_to_string(root().join("docs/install.md")).unwrap();
        for name in ["synch-port-53.conf", "90-synch.conf"] {
            let example = fs::read_to_string(root().join("packaging/examples").join(name)).unwrap();
            let lines: Vec<&str> = example.lines().filter(|line| !line.starts_with('#')).collect();
            assert!(!lines.is_empty());
            for line in lines {
                assert!(page.contains(line), "{name}: '{line}' is not in docs/install.md");
            }
        }
    }

    #[test]
    fn a_dead_link_is_found() {
        let text = "# One `[main]`\n\n[a](#one-main), [b\nc](two.md#there), [`d`](https://example.com/x#y)\n\n    [code](x.md)\n\n\
                    ```\n# no heading [code](x.md)\n```\n`[code](x.md)`, ![picture](nowhere.svg), [e](#two), [f](two.md#x)\n";
        let page = Page::new(text);
        assert_eq!(page.anchors, BTreeSet::from(["one-main".to_owned()]));
        let folder = root().join("docs");
        let two = Page::new("<a id=\"there\"></a>**There**");
        let pages = BTreeMap::from([(folder.join("two.md"), two)]);
        let path = folder.join("one.md");
        let pages = pages.into_iter().chain([(path.clone(), Page::new(text))]).collect();
        let dead = dead_links(&path, &page, &pages);
        assert_eq!(dead, ["nowhere.svg", "#two", "two.md#x"].map(|target| format!("docs/one.md: {target}")));
    }

    #[test]
    fn anchors_are_made_as_github_makes_them() {
        for (heading, anchor) in [
            ("Port 53", "port-53"),
            ("2. On the main: an AMI account", "2-on-the-main-an-ami-account"),
            ("FreePBX as the branch's system", "freepbx-as-the-branchs-system"),
            ("`[endpoint]`, `[aor]`, `[peer]`", "endpoint-aor-peer"),
            ("SYNCH_USER", "synch_user"),
            ("What it is: [`[probe]`](options.md#probe)", "what-it-is-probe"),
            ("A – B", "a--b"),
        ] {
            assert_eq!(slug(heading), anchor);
        }
        let twice = Page::new("## Files\n\n## Files\n");
        assert_eq!(twice.anchors, BTreeSet::from(["files".to_owned(), "files-1".to_owned()]));
    }

    /// Where a page leads to, and where in it one can be led to.
    struct Page {
        links: Vec<String>,
        anchors: BTreeSet<String>,
    }

    impl Page {
        fn new(text: &str) -> Self {
            let prose = prose(text);
            let mut anchors = BTreeSet::new();
            for line in prose.lines() {
                let heading = line.trim_start_matches('#');
                if heading.len() < line.len() && heading.starts_with(' ') {
                    let slug = slug(heading.trim());
                    let again = (1..).map(|number| format!("{slug}-{number}"));
                    let free = [slug.clone()].into_iter().chain(again).find(|one| !anchors.contains(one));
                    anchors.extend(free);
                }
                for part in line.split("<a id=\"").skip(1) {
                    anchors.extend(part.split_once('"').map(|(id, _)| id.to_owned()));
                }
            }
            let text = without_code_spans(&prose);
            let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
            let links = targets.map(|(target, _)| target.trim().to_owned()).collect();
            Self { links, anchors }
        }
    }

    /// The page without blocks of code, fenced or indented.
    fn prose(text: &str) -> String {
        let (mut kept, mut fenced, mut code, mut after_blank) = (String::new(), false, false, true);
        for line in text.lines() {
            if line.trim_start().starts_with("```") {
                fenced = !fenced;
                continue;
            }
            let blank = line.trim().is_empty();
            code = line.starts_with("    ") && (code || after_blank) || code && blank;
            after_blank = blank;
            if !fenced && !code {
                kept.push_str(line);
                kept.push('\n');
            }
        }
        kept
    }

    /// What stands between backquotes is no link. A span ends with its paragraph at the latest.
    fn without_code_spans(text: &str) -> String {
        let plain = |paragraph: &str| paragraph.split('`').step_by(2).collect::<String>();
        text.split("\n\n").map(plain).collect::<Vec<_>>().join("\n\n")
    }

    /// As GitHub makes an anchor of a heading: of a link its text, small letters, no punctuation, hyphens for blanks.
    fn slug(heading: &str) -> String {
        let mut text = heading.to_owned();
        while let Some((before, after)) = text.split_once("](") {
            let after = after.split_once(')').map_or("", |(_, after)| after);
            text = format!("{before}{after}");
        }
        let kept = text.to_lowercase();
        let kept = kept.chars().filter(|sign| sign.is_alphanumeric() || " -_".contains(*sign));
        kept.map(|sign| if sign == ' ' { '-' } else { sign }).collect()
    }

    fn root() -> &'static Path {
        Path::new(env!("CARGO_MANIFEST_DIR"))
    }

    /// All pages, by their paths.
    fn pages() -> BTreeMap<PathBuf, Page> {
        let mut paths: Vec<PathBuf> = AT_THE_ROOT.iter().map(|name| root().join(name)).collect();
        let mut folders = vec![root().join("docs")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "md") {
                    paths.push(path);
                }
            }
        }
        let read = |path: PathBuf| {
            let text =
                fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            (path, Page::new(&text))
        };
        paths.into_iter().map(read).collect()
    }

    /// The links of a page that lead to no file, or to no place in a page. Those to other machines are not looked at.
    fn dead_links(path: &Path, page: &Page, pages: &BTreeMap<PathBuf, Page>) -> Vec<String> {
        let name = path.strip_prefix(root()).unwrap_or(path).display().to_string();
        let local =
            page.links.iter().filter(|target| !target.contains("://") && !target.starts_with("mailto:"));
        let dead = local.filter(|target| !leads_somewhere(path, target, pages));
        dead.map(|target| format!("{name}: {target}")).collect()
    }

    fn leads_somewhere(path: &Path, target: &str, pages: &BTreeMap<PathBuf, Page>) -> bool {
        let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
        let file = if file.is_empty() { path.to_owned() } else { beside(path, file) };
        match pages.get(&file) {
            Some(page) => anchor.is_empty() || page.anchors.contains(anchor),
            None => anchor.is_empty() && file.starts_with(root()) && file.exists(),
        }
    }

    /// The file that a page names from where it stands.
    fn beside(path: &Path, file: &str) -> PathBuf {
        let mut found = path.parent().unwrap_or(path).to_owned();
        for part in Path::new(file) {
            if part == ".." {
                found.pop();
            } else if part != "." {
                found.push(part);
            }
        }
        found
    }
}
