use std::os::unix::fs::{PermissionsExt, symlink};

use tempfile::TempDir;

use super::*;

fn store(folder: &TempDir, keep: usize) -> Store {
    Store::new(folder.path().join("pjsip_synch.conf"), folder.path().join("versions"), keep).unwrap()
}

fn mode(path: impl AsRef<Path>) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_text_is_in_place_only_after_the_commit() {
    let folder = TempDir::new().unwrap();
    let store = store(&folder, 3);
    assert_eq!(store.read_current().unwrap(), None);
    store.stage(b"one").unwrap().commit().unwrap();
    let staged = store.stage(b"two").unwrap();
    assert_eq!(fs::read(staged.path()).unwrap(), b"two");
    assert_eq!(mode(staged.path()), 0o600);
    assert_eq!(staged.path().file_name().unwrap(), ".pjsip_synch.conf.tmp");
    assert_eq!(store.read_current().unwrap().unwrap(), b"one");
    staged.commit().unwrap();
    assert_eq!(store.read_current().unwrap().unwrap(), b"two");
    assert_eq!(mode(folder.path().join("pjsip_synch.conf")), 0o600);
    assert_eq!(names(folder.path()), ["pjsip_synch.conf", "versions"]);
}

#[test]
fn what_is_not_committed_is_removed() {
    let folder = TempDir::new().unwrap();
    let store = store(&folder, 3);
    store.stage(b"one").unwrap().commit().unwrap();
    drop(store.stage(b"two").unwrap());
    assert_eq!(names(folder.path()), ["pjsip_synch.conf", "versions"]);
    assert_eq!(store.read_current().unwrap().unwrap(), b"one");
}

#[test]
fn what_a_killed_process_left_is_removed() {
    let folder = TempDir::new().unwrap();
    let before = store(&folder, 3);
    before.add_version(b"one").unwrap();
    std::mem::forget(before.stage(b"half").unwrap());
    fs::write(folder.path().join("versions/.000002.conf.tmp"), b"half").unwrap();
    let after = store(&folder, 3);
    assert_eq!(names(folder.path()), ["versions"]);
    assert_eq!(names(&folder.path().join("versions")), ["000001.conf"]);
    std::mem::forget(after.stage(b"half").unwrap());
    after.stage(b"whole").unwrap().commit().unwrap();
    assert_eq!(after.read_current().unwrap().unwrap(), b"whole");
}

#[test]
fn links_are_replaced_and_not_written_through() {
    let folder = TempDir::new().unwrap();
    let store = store(&folder, 3);
    let elsewhere = folder.path().join("elsewhere");
    fs::write(&elsewhere, b"precious").unwrap();
    symlink(&elsewhere, folder.path().join("pjsip_synch.conf")).unwrap();
    symlink(&elsewhere, folder.path().join(".pjsip_synch.conf.tmp")).unwrap();
    store.stage(b"new").unwrap().commit().unwrap();
    assert_eq!(fs::read(&elsewhere).unwrap(), b"precious");
    assert!(fs::symlink_metadata(folder.path().join("pjsip_synch.conf")).unwrap().is_file());
    assert_eq!(store.read_current().unwrap().unwrap(), b"new");
}

#[test]
fn what_is_no_file_is_not_read_and_not_lost() {
    let folder = TempDir::new().unwrap();
    let store = store(&folder, 3);
    fs::create_dir(folder.path().join("pjsip_synch.conf")).unwrap();
    assert!(matches!(store.read_current(), Err(StoreError::NotAFile(_))));
    assert!(matches!(store.stage(b"x").unwrap().commit(), Err(DiskError::Io { doing: "replace", .. })));
    assert_eq!(names(folder.path()), ["pjsip_synch.conf", "versions"]);
}

#[test]
fn without_its_folder_nothing_is_written() {
    let folder = TempDir::new().unwrap();
    let store =
        Store::new(folder.path().join("gone/pjsip_synch.conf"), folder.path().join("v/w"), 3).unwrap();
    let error = store.stage(b"x").unwrap_err().to_string();
    assert!(
        error.starts_with("cannot create /") && error.ends_with("the file in place stays as it is"),
        "{error}"
    );
    assert!(Store::new("x".into(), "/dev/null/versions".into(), 3).is_err());
}

#[test]
fn the_newest_versions_are_kept_and_numbers_never_come_back() {
    let folder = TempDir::new().unwrap();
    let kept =
        |store: &Store| store.versions().unwrap().iter().map(|version| version.number).collect::<Vec<_>>();
    let three = store(&folder, 3);
    for text in ["a", "b", "b", "c", "d", "a"] {
        three.add_version(text.as_bytes()).unwrap();
    }
    assert_eq!(kept(&three), [3, 4, 5]);
    assert_eq!(three.read_version(5).unwrap(), b"a");
    assert_eq!(three.add_version(b"a").unwrap(), 5);
    let error = three.read_version(1).unwrap_err();
    assert_eq!(error.to_string(), "there is no version 1; `synch show versions` lists those that are kept");
    let versions = folder.path().join("versions");
    assert_eq!((mode(&versions), mode(versions.join("000005.conf"))), (0o700, 0o600));
    let none = store(&folder, 0);
    assert_eq!(none.add_version(b"z").unwrap(), 6);
    assert_eq!(kept(&none), [6], "the version in force is always kept");
}

#[test]
fn strange_names_among_the_versions_are_left_alone() {
    let folder = TempDir::new().unwrap();
    let store = store(&folder, 2);
    let versions = folder.path().join("versions");
    for name in ["notes.conf", "7.conf", "000009.conf.bak", "0000010.conf", "-00001.conf"] {
        fs::write(versions.join(name), b"x").unwrap();
    }
    fs::create_dir(versions.join("000099.conf")).unwrap();
    fs::write(versions.join("1000000.conf"), b"old").unwrap();
    assert_eq!(store.add_version(b"new").unwrap(), 1_000_001);
    assert_eq!(store.versions().unwrap().last().unwrap().size, 3);
    assert_eq!(names(&versions).len(), 8);
}
