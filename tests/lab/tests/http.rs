//! The page, its JSON and the metrics at Asterisk's own HTTP server, as browsers and Prometheus see them.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io::Write;
use std::net::{Shutdown, TcpListener};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use lab::certificates::Authority;
use lab::http::{Answer, Client, TLS_PORT, ask};
use lab::wait::{GENEROUS, until, until_ok, until_value};
use lab::{Context, Error, Monitor, Result, Site, Version};

lab::on_22_and_16!(
    the_page_its_json_and_the_metrics_are_there,
    whoever_may_not_read_reads_nothing,
    a_reload_opens_closes_and_changes_it,
    an_unload_is_told_to_whoever_asks,
    a_handler_that_panics_answers_and_asterisk_lives,
    another_module_takes_its_pages_back_and_asterisk_lives,
    loads_and_unloads_under_scrapes_harm_nobody,
    prometheus_scrapes_it_and_promtool_has_nothing_to_say,
    a_browser_shows_it,
    what_others_say_stays_text_in_a_browser,
);
lab::tests_on!(res_prometheus_on_22, V22, res_prometheus_has_the_same_metrics_and_can_be_unloaded);

const LOGIN: (&str, &str) = ("monitor", "page-secret");
const SECTION: &str = "\n[http]\nenabled = yes\nusername = monitor\nsecret = page-secret\n";

/// Lets Asterisk's server listen.
fn listens(site: &Site, more: &str) -> Result {
    let conf = format!("[general]\nenabled = yes\nbindaddr = 0.0.0.0\nbindport = 8088\n{more}");
    site.branch.write_conf("http.conf", &conf)
}

/// A branch with this in its `[http]`, that has not started yet.
fn with_page(version: Version, section: &str) -> Result<Site> {
    let site = Site::with_module(version)?;
    show_page(&site, section)?;
    Ok(site)
}

/// The same with the usual page, and a module that goes wrong to order.
fn that_goes_wrong(version: Version) -> Result<Site> {
    let site = Site::new(version)?;
    site.branch.install_module_that_panics()?;
    site.branch.load_module_at_start()?;
    show_page(&site, SECTION)?;
    Ok(site)
}

fn show_page(site: &Site, section: &str) -> Result {
    listens(site, "")?;
    let conf = site.branch.read_conf("res_synch.conf")?;
    site.branch.write_conf("res_synch.conf", &(conf + section))
}

/// A branch in normal service that shows its page.
fn in_service(version: Version) -> Result<Site> {
    let mut site = with_page(version, SECTION)?;
    site.serve()?;
    Ok(site)
}

fn get(site: &Site, path: &str) -> Result<Answer> {
    ask(site.branch.address(), "GET", path, Some(LOGIN))
}

/// The body of what can be read.
fn read(site: &Site, path: &str) -> Result<String> {
    let answer = get(site, path)?;
    if answer.code == 200 { Ok(answer.body) } else { Err(Error::new(format!("{path}: {answer:?}"))) }
}

/// Each series of a text by its name and labels.
fn series(text: &str) -> BTreeMap<&str, &str> {
    text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.rsplit_once(' ')).collect()
}

fn the_page_its_json_and_the_metrics_are_there(version: Version) -> Result {
    let site = in_service(version)?;
    let _phone = site.phone("1001")?;
    for path in ["/synch/", "/synch"] {
        let page = get(&site, path)?;
        assert_eq!(page.code, 200, "{page:?}");
        assert_eq!(page.header("Content-Type"), Some("text/html; charset=utf-8"));
        assert_eq!(page.header("Refresh"), Some("10"));
        let rules = page.header("Content-Security-Policy").context("no policy")?;
        assert!(rules.starts_with("default-src 'none'; style-src 'unsafe-inline';"), "{rules}");
        assert_eq!(page.header("X-Content-Type-Options"), Some("nosniff"));
        assert_eq!(page.header("Referrer-Policy"), Some("no-referrer"));
        assert!(page.header("Cache-Control").is_some_and(|cache| cache.contains("no-store")), "{page:?}");
        assert!(page.body.contains("<title>The main serves the phones</title>"), "{}", page.body);
    }
    let json = read(&site, "/synch/status.json")?;
    let value: serde_json::Value = serde_json::from_str(&json).context(&json)?;
    let cli: serde_json::Value =
        serde_json::from_str(&site.branch.rx("synch show status json")?).context("the CLI's JSON")?;
    let keys = |value: Option<&serde_json::Value>| -> Vec<String> {
        value
            .and_then(serde_json::Value::as_object)
            .map(|map| map.keys().cloned().collect())
            .unwrap_or_default()
    };
    assert_eq!(keys(value.get("status")), keys(cli.get(0)));
    assert_eq!(keys(Some(&value)), ["drill", "history", "maintenance", "status"]);
    assert_eq!(value.pointer("/status/Service").and_then(serde_json::Value::as_str), Some("Normal"));
    assert_eq!(value.pointer("/status/Http").and_then(serde_json::Value::as_str), Some("on"));
    let metrics = get(&site, "/synch/metrics")?;
    assert_eq!(metrics.header("Content-Type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let series = series(&metrics.body);
    for (name, wanted) in [
        ("synch_service_state{state=\"Normal\"}", "1"),
        ("synch_monitor_state{state=\"Stable\"}", "1"),
        ("synch_sync_state{state=\"Synced\"}", "1"),
        ("synch_users", "3"),
        ("synch_service_changes_total{to=\"Normal\"}", "1"),
        ("synch_syncs_total{result=\"changed\"}", "1"),
        ("synch_config_last_reload_successful", "1"),
        ("synch_branch_channels", "0"),
    ] {
        assert_eq!(series.get(name), Some(&wanted), "{name}: {}", metrics.body);
    }
    let bind = format!("synch_dns_listening{{bind=\"{}:53\"}}", site.branch.address());
    assert_eq!(series.get(bind.as_str()), Some(&"1"), "{}", metrics.body);
    assert!(series.contains_key("synch_sync_last_success_timestamp_seconds"));
    assert!(series.contains_key("synch_probe_answer_seconds{over=\"sip\"}"));
    eprintln!("Asterisk {version}: a scrape has {} series, {} octets", series.len(), metrics.body.len());
    assert!(metrics.body.len() < 16 << 10, "{}", metrics.body.len());
    for path in ["/synch/", "/synch/status.json", "/synch/metrics"] {
        let head = ask(site.branch.address(), "HEAD", path, Some(LOGIN))?;
        assert_eq!((head.code, head.body.as_str()), (200, ""), "{head:?}");
        assert!(head.header("Content-Length").is_some_and(|length| length != "0"), "{head:?}");
    }
    // One connection does for all of them, a refused one among them.
    let mut client = Client::connect(site.branch.address())?;
    for (method, login, code) in [
        ("GET", Some(LOGIN), 200),
        ("HEAD", Some(LOGIN), 200),
        ("HEAD", None, 401),
        ("GET", None, 401),
        ("GET", Some(LOGIN), 200),
    ] {
        assert_eq!(client.ask(method, "/synch/metrics", login)?.code, code, "{method}");
    }
    Ok(())
}

fn whoever_may_not_read_reads_nothing(version: Version) -> Result {
    let mut site = with_page(version, SECTION)?;
    site.branch.start()?;
    until("the page", GENEROUS, || get(&site, "/synch/").is_ok_and(|answer| answer.code == 200))?;
    let odd = "<script>alert(1)</script>";
    for (method, path, login, code) in [
        ("GET", "/synch/metrics", None, 401),
        ("GET", "/synch/metrics", Some(("monitor", "page-secre")), 401),
        ("GET", "/synch/metrics", Some(("monitor", "")), 401),
        ("GET", "/synch/metrics", Some(("admin", "page-secret")), 401),
        ("GET", "/synch/", Some((odd, odd)), 401),
        ("POST", "/synch/metrics", None, 401),
        ("POST", "/synch/metrics", Some(LOGIN), 405),
        ("PUT", "/synch/", Some(LOGIN), 405),
        ("DELETE", "/synch/", Some(LOGIN), 405),
        ("GET", "/synch/nothing", Some(LOGIN), 404),
        ("GET", "/synch/<script>alert(1)</script>", Some(LOGIN), 404),
        ("GET", "/synch/%3Cscript%3Ealert(1)%3C/script%3E", Some(LOGIN), 404),
        ("GET", "/synch/metrics/", Some(LOGIN), 404),
        ("GET", "/synch/..%2fmetrics", Some(LOGIN), 404),
        ("HEAD", "/synch/nothing", Some(LOGIN), 404),
    ] {
        let answer = ask(site.branch.address(), method, path, login)?;
        assert_eq!(answer.code, code, "{method} {path} {login:?}: {answer:?}");
        assert!(!answer.body.contains("script") && !answer.head.contains("script"), "{answer:?}");
        assert!(!answer.body.contains("synch_") && !answer.body.contains("Monitor"), "{answer:?}");
        let asks = answer.header("WWW-Authenticate");
        assert_eq!(
            asks.is_some_and(|asks| asks.starts_with("Basic realm=\"synch\"")),
            code == 401,
            "{answer:?}"
        );
        assert_eq!(answer.header("Allow").is_some(), code == 405, "{answer:?}");
        assert_eq!(answer.body.is_empty(), method == "HEAD", "{answer:?}");
    }
    // A header that is none, and one that is too much.
    for header in ["Authorization: Basic !!!", "Authorization: Digest x", "Authorization: Basic bW9uaXRvcg=="]
    {
        let mut client = Client::connect(site.branch.address())?;
        client.send(&format!("GET /synch/metrics HTTP/1.1\r\nHost: x\r\n{header}\r\n\r\n"))?;
        assert_eq!(client.answer("GET")?.code, 401, "{header}");
    }
    // Each one, for fail2ban.
    let failures = "gave a wrong name or password for /synch";
    until("four lines", GENEROUS, || site.branch.log().matches(failures).count() >= 4)?;
    assert!(!site.branch.log().contains("page-secre"), "a password is in the log");
    // It is open to networks that have nothing to do with this one.
    site.branch.edit_conf("res_synch.conf", "[http]\n", "[http]\npermit = 10.99.0.0/16\n")?;
    site.branch.reload_module()?;
    until_ok("a stranger to be refused", GENEROUS, || match get(&site, "/synch/metrics")? {
        answer if answer.code == 403 && !answer.body.contains("synch_") => Ok(()),
        answer => Err(Error::new(format!("{answer:?}"))),
    })?;
    let here = site.branch.host().command(&["curl", "--silent", "--user", "monitor:page-secret"]);
    let mut here = here;
    let text = lab::command::run(here.arg("http://127.0.0.1:8088/synch/metrics"))?;
    assert!(text.contains("synch_info{"), "the machine itself may always read: {text}");
    Ok(())
}

fn a_reload_opens_closes_and_changes_it(version: Version) -> Result {
    let mut site = with_page(version, "")?;
    site.branch.start()?;
    let code = |login: (&str, &str)| -> Result<u16> {
        Ok(ask(site.branch.address(), "GET", "/synch/metrics", Some(login))?.code)
    };
    let wait = |login, wanted| {
        until(&format!("{login:?} to get {wanted}"), GENEROUS, || {
            code(login).is_ok_and(|code| code == wanted)
        })
    };
    assert_eq!(code(LOGIN)?, 404);
    assert_eq!(site.status("Http")?, "off");
    let without = site.branch.read_conf("res_synch.conf")?;
    let reload = |section: &str| -> Result {
        site.branch.write_conf("res_synch.conf", &format!("{without}{section}"))?;
        site.branch.reload_module()
    };
    // On and off again, and the same once more: linked twice, Asterisk's list of pages would be a ring.
    for _ in 0..3 {
        reload(SECTION)?;
        wait(LOGIN, 200)?;
        reload(SECTION)?;
        wait(LOGIN, 200)?;
        let shown = site.branch.rx("http show status")?;
        assert_eq!(shown.matches("/synch/...").count(), 1, "{shown}");
        reload("")?;
        wait(LOGIN, 404)?;
        assert!(!site.branch.rx("http show status")?.contains("/synch"));
    }
    let file = site.branch.inside("etc/page-secret");
    let section = format!("\n[http]\nenabled = yes\nusername = reader\nsecret_file = {file}\n");
    reload(&section)?;
    wait(("reader", "x"), 503)?;
    assert!(site.status("Http")?.starts_with("cannot read the password from"), "{}", site.status("Http")?);
    let checks = site.branch.rx("synch doctor")?;
    assert!(checks.contains("BAD  http        nobody can read"), "{checks}");
    // It has not read its file: nobody listens where it says.
    let conf = site.branch.read_conf("http.conf")?;
    site.branch.write_conf("http.conf", &conf.replace("8088", "8090"))?;
    site.branch.write_conf("page-secret", "first\n")?;
    site.branch.reload_module()?;
    wait(("reader", "first"), 200)?;
    let checks = site.branch.rx("synch doctor")?;
    assert!(checks.contains("nothing listens there"), "{checks}");
    site.branch.write_conf("http.conf", &conf)?;
    for password in ["first", "second"] {
        site.branch.write_conf("page-secret", &format!("{password}\n"))?;
        site.branch.reload_module()?;
        wait(("reader", password), 200)?;
    }
    assert_eq!(code(("reader", "first"))?, 401);
    // What can't be meant leaves everything as it is, and is told.
    assert!(reload(&format!("{section}permit = nowhere\n")).is_err());
    let text = ask(site.branch.address(), "GET", "/synch/metrics", Some(("reader", "second")))?.body;
    assert_eq!(series(&text).get("synch_config_last_reload_successful"), Some(&"0"), "{text}");
    reload(&section)?;
    until("the reload to be well", GENEROUS, || {
        let answer = ask(site.branch.address(), "GET", "/synch/metrics", Some(("reader", "second")));
        answer.is_ok_and(|answer| answer.body.contains("synch_config_last_reload_successful 1\n"))
    })
}

/// An unload that takes its time, because a worker hangs to order.
fn an_unload_is_told_to_whoever_asks(version: Version) -> Result {
    let mut site = that_goes_wrong(version)?;
    site.serve()?;
    site.branch.order_hang("presence")?;
    until("the worker to hang", GENEROUS, || site.branch.hangs_at("presence"))?;
    let codes = thread::scope(|scope| -> Result<Vec<u16>> {
        let unload = scope.spawn(|| site.branch.unload_module());
        let mut codes = Vec::new();
        while !unload.is_finished() {
            codes.push(get(&site, "/synch/metrics")?.code);
        }
        unload.join().map_err(|_| Error::new("a panic"))??;
        Ok(codes)
    })?;
    assert!(codes.contains(&503), "{codes:?}");
    assert!(codes.iter().all(|code| [200, 503, 404].contains(code)), "{codes:?}");
    assert_eq!(get(&site, "/synch/metrics")?.code, 404);
    Ok(())
}

fn a_handler_that_panics_answers_and_asterisk_lives(version: Version) -> Result {
    let mut site = that_goes_wrong(version)?;
    site.branch.start()?;
    until("the page", GENEROUS, || get(&site, "/synch/").is_ok_and(|answer| answer.code == 200))?;
    let pid = site.branch.pid()?;
    site.branch.order_panics(&["http"])?;
    let answer = get(&site, "/synch/metrics")?;
    assert_eq!(answer.code, 500, "{answer:?}");
    assert!(!answer.body.contains("synch_"), "{answer:?}");
    assert_eq!(get(&site, "/synch/metrics")?.code, 200);
    assert_eq!(site.branch.pid()?, pid);
    Ok(())
}

/// `res_http_post` takes its pages back by their key when http.conf has changed, and when it is unloaded: Asterisk compares
/// the key of each page that there is, and one without a key would be its end.
fn another_module_takes_its_pages_back_and_asterisk_lives(version: Version) -> Result {
    let mut site = with_page(version, SECTION)?;
    listens(&site, "[post_mappings]\nuploads = /tmp\n")?;
    site.branch.start()?;
    let lives = || -> Result {
        let pid = site.branch.pid()?;
        until("the page", GENEROUS, || get(&site, "/synch/").is_ok_and(|answer| answer.code == 200))?;
        assert_eq!(site.branch.pid()?, pid);
        Ok(())
    };
    lives()?;
    let say = |command: &str, wanted: &str| {
        until_ok(command, GENEROUS, || {
            let said = site.branch.rx(command)?;
            if said.contains(wanted) { Ok(()) } else { Err(Error::new(said)) }
        })
    };
    say("module load res_http_post.so", "Loaded res_http_post.so")?;
    lives()?;
    listens(&site, "sessionlimit = 90\n[post_mappings]\nuploads = /tmp\n")?;
    say("module reload res_http_post.so", "reloaded successfully")?;
    lives()?;
    say("module unload res_http_post.so", "Unloaded res_http_post.so")?;
    lives()?;
    say("module load res_http_post.so", "Loaded res_http_post.so")?;
    site.branch.rx("core stop gracefully")?;
    let status = site.branch.exit_status()?;
    assert!(status.success(), "{status}");
    Ok(())
}

fn loads_and_unloads_under_scrapes_harm_nobody(version: Version) -> Result {
    const CYCLES: usize = 100;
    const SCRAPERS: usize = 3;
    let mut site = Site::new(version)?;
    site.branch.install_module()?;
    listens(&site, "sessionlimit = 100\n")?;
    let conf = site.branch.read_conf("res_synch.conf")?;
    site.branch.write_conf("res_synch.conf", &(conf + SECTION))?;
    site.branch.start()?;
    let over = AtomicBool::new(false);
    let (answered, away) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let scrape = || -> Result {
        while !over.load(Ordering::Relaxed) {
            let mut client = Client::connect(site.branch.address())?;
            for path in ["/synch/metrics", "/synch/", "/synch/status.json"] {
                let answer = client.ask("GET", path, Some(LOGIN))?;
                match answer.code {
                    200 => answered.fetch_add(1, Ordering::Relaxed),
                    503 | 404 => away.fetch_add(1, Ordering::Relaxed),
                    _ => return Err(Error::new(format!("{answer:?}"))),
                };
            }
        }
        Ok(())
    };
    thread::scope(|scope| {
        let scrapers: Vec<_> = (0..SCRAPERS).map(|_| scope.spawn(scrape)).collect();
        let cycles = (0..CYCLES).try_for_each(|cycle| -> Result {
            site.branch.load_module()?;
            if cycle % 4 == 0 {
                site.branch.reload_module()?;
            }
            if cycle % 10 == 0 {
                until("a scrape", GENEROUS, || {
                    get(&site, "/synch/metrics").is_ok_and(|answer| answer.code == 200)
                })?;
            }
            site.branch.unload_module()
        });
        over.store(true, Ordering::Relaxed);
        cycles?;
        scrapers.into_iter().try_for_each(|one| one.join().unwrap_or_else(|_| Err(Error::new("a panic"))))
    })?;
    let (answered, away) = (answered.load(Ordering::Relaxed), away.load(Ordering::Relaxed));
    eprintln!("Asterisk {version}: {CYCLES} loads under {answered} answers and {away} that nobody was there");
    assert!(answered > CYCLES / 10 && away > 0);
    assert!(site.branch.is_running());
    site.branch.load_module()?;
    until("the page", GENEROUS, || get(&site, "/synch/").is_ok_and(|answer| answer.code == 200))?;
    assert!(site.branch.rx("core show uptime")?.contains("uptime"));
    Ok(())
}

fn prometheus_scrapes_it_and_promtool_has_nothing_to_say(version: Version) -> Result {
    let mut site = with_page(version, SECTION)?;
    let keys = site.branch.path("etc/keys");
    let authority = Authority::new(&keys)?;
    authority.sign("page", &format!("IP:{}", site.branch.address()), 2)?;
    let inside = site.branch.inside("etc/keys");
    let tls = format!(
        "tlsenable = yes\ntlsbindaddr = 0.0.0.0:{TLS_PORT}\ntlscertfile = {inside}/page.crt\n\
         tlsprivatekey = {inside}/page.key\n"
    );
    listens(&site, &tls)?;
    site.serve()?;
    site.branch.rx("synch drill")?;
    let mut monitor = Monitor::new(&site.net)?;
    let metrics = read(&site, "/synch/metrics")?;
    assert_eq!(monitor.check_metrics(&metrics)?, "", "{metrics}");
    let ca = monitor.take(&authority.certificate(), "ca.crt")?;
    let branch = site.branch.address();
    let job = |more: &str, scheme: &str, port: u16| {
        format!(
            "  - job_name: synch\n    metrics_path: /synch/metrics\n    scheme: {scheme}\n    basic_auth:\n      \
             username: monitor\n      password: page-secret\n{more}    static_configs:\n      - targets: ['{}:{port}']\n",
            branch
        )
    };
    monitor.scrape(&job(&format!("    tls_config:\n      ca_file: {ca}\n"), "https", TLS_PORT))?;
    monitor.wait_query("up", "1")?;
    monitor.wait_query("synch_service_state{state=\"Normal\"}", "1")?;
    monitor
        .wait_query("synch_drill_last_passed", "1")
        .or_else(|_| monitor.wait_query("synch_drill_last_passed", "0"))?;
    site.kill_main()?;
    monitor.wait_query("synch_service_state{state=\"Failover\"}", "1")?;
    monitor.wait_query("synch_service_changes_total{to=\"Failover\"}", "1")?;
    let metrics = read(&site, "/synch/metrics")?;
    assert_eq!(monitor.check_metrics(&metrics)?, "", "{metrics}");
    // Without the authority the certificate is nobody's, and in clear the same is there.
    monitor.scrape(&job("", "https", TLS_PORT))?;
    until_ok("the certificate to be refused", GENEROUS, || match monitor.last_error()? {
        error if error.contains("certificate") => Ok(()),
        error => Err(Error::new(error)),
    })?;
    monitor.scrape(&job("", "http", 8088))?;
    monitor.wait_query("up", "1")?;
    monitor.wait_query("synch_monitor_state{state=\"Failed\"}", "1")
}

/// Where pictures of the page are kept, for `docs/pictures`: the folder that `SYNCH_PICTURES` names.
fn keep(name: &str, picture: &[u8]) -> Result {
    let Some(folder) = env::var_os("SYNCH_PICTURES").map(PathBuf::from) else { return Ok(()) };
    fs::create_dir_all(&folder).context("making the folder of SYNCH_PICTURES")?;
    fs::write(folder.join(name), picture).context(format!("keeping {name}"))
}

/// Chromium has the darkness of its system by this.
const DARK: &str = "--blink-settings=preferredColorScheme=0";

fn a_browser_shows_it(version: Version) -> Result {
    let mut site = in_service(version)?;
    let _phones = ["1001", "1003"].map(|user| site.phone(user)).into_iter().collect::<Result<Vec<_>>>()?;
    site.branch.rx("synch drill")?;
    site.wait_status("PhonesKnown", "2")?;
    let monitor = Monitor::new(&site.net)?;
    let url = format!("http://monitor:page-secret@{}:8088/synch/", site.branch.address());
    let document = || monitor.browse(&url, &[]);
    let serves = |text: &str| {
        text.contains("<title>The main serves the phones</title>") && text.contains("main is Stable")
    };
    until_value("the main to serve", GENEROUS, document, serves)?;
    site.kill_main()?;
    site.wait_status("Service", "Failover")?;
    let document = monitor.browse(&url, &[])?;
    assert!(document.contains("<title>This branch serves the phones</title>"), "{document}");
    site.wait_status("PhonesHere", "2")?;
    let mut pictures = Vec::new();
    for (width, height) in [(1100, 900), (390, 1500)] {
        for (look, flags) in [("light", &[][..]), ("dark", &[DARK][..])] {
            let picture = monitor.picture(&url, width, height, flags)?;
            assert!(picture.starts_with(b"\x89PNG"), "no picture");
            keep(&format!("page-{width}-{look}-{version}.png"), &picture)?;
            assert!(!pictures.contains(&picture), "{look} at {width} looks as another one");
            pictures.push(picture);
        }
        let page = read(&site, "/synch/")?;
        assert_eq!(
            widths(&site, &monitor, &page, width)?,
            (width, width),
            "nothing is wider than its window"
        );
    }
    Ok(())
}

/// How wide a window Chromium shows a page in, and how wide the page wants to be.
fn widths(site: &Site, monitor: &Monitor, page: &str, width: u32) -> Result<(u32, u32)> {
    // In a frame, for Chromium's own window is never narrower than 500; and without its policy, to be measured by a script.
    let page = page.replace('&', "&amp;").replace('"', "&quot;");
    let body = format!(
        "<!DOCTYPE html><title></title><iframe width={width} height=900 style='border: 0' srcdoc=\"{page}\" \
         onload=\"const root = this.contentDocument.documentElement; \
         document.title = root.clientWidth + ' ' + root.scrollWidth\"></iframe>"
    );
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n";
    let own = site.net.own_address();
    let port = says(own, format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()))?;
    let document = monitor.browse(&format!("http://{own}:{port}/"), &[])?;
    let (_, rest) = document.split_once("<title>").context("no title")?;
    let (title, _) = rest.split_once("</title>").context("no end of the title")?;
    let (window, wanted) = title.split_once(' ').context(title.to_owned())?;
    let number = |text: &str| text.parse::<u32>().context(title.to_owned());
    Ok((number(window)?, number(wanted)?))
}

/// Answers everybody who connects with these octets, as long as the test runs.
fn says(address: std::net::Ipv4Addr, octets: String) -> Result<u16> {
    let listener = TcpListener::bind((address, 0)).context("a listener")?;
    let port = listener.local_addr().context("its port")?.port();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.write_all(octets.as_bytes());
            // Whoever asks gets his answer before the end.
            let _ = stream.shutdown(Shutdown::Write);
            let _ = stream.set_read_timeout(Some(std::time::Duration::from_secs(1)));
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
        }
    });
    Ok(port)
}

fn what_others_say_stays_text_in_a_browser(version: Version) -> Result {
    let mut site = with_page(version, SECTION)?;
    let own = site.net.own_address();
    let script = "<script>document.title='owned'</script>";
    let long = "W".repeat(200);
    let port =
        says(own, format!("</p></td>{script}<img src=x onerror=\"document.title='owned'\">{long}\r\n"))?;
    let host = format!("host = {}", site.main.address());
    site.branch.edit_conf("res_synch.conf", &host, &format!("host = {own}\nport = {port}"))?;
    site.branch.start()?;
    until_ok("the main's words to be shown", GENEROUS, || match read(&site, "/synch/")? {
        page if page.contains("&lt;script&gt;") => Ok(()),
        page => Err(Error::new(page)),
    })?;
    let page = get(&site, "/synch/")?;
    assert!(!page.body.contains("<script") && !page.body.contains("<img"), "{}", page.body);
    let monitor = Monitor::new(&site.net)?;
    let url = format!("http://monitor:page-secret@{}:8088/synch/", site.branch.address());
    let document = monitor.browse(&url, &[])?;
    assert!(document.contains("document.title='owned'") && !document.contains("<title>owned"), "{document}");
    assert!(!document.contains("<script") && !document.contains("<img"), "{document}");
    assert_eq!(widths(&site, &monitor, &page.body, 390)?, (390, 390), "a long word makes no page wider");
    // Whom the browser has asked for anything meanwhile.
    let asked = monitor.asked(&url)?;
    assert!(!asked.is_empty(), "Chromium has kept no list of its requests");
    let branch = format!("http://{}:8088/", site.branch.address());
    // Chromium asks Google for the time and the like, whatever it shows.
    let chromiums = |url: &str| url.split('/').nth(2).is_some_and(|host| host.ends_with(".google.com"));
    assert!(asked.iter().all(|url| url.starts_with(&branch) || chromiums(url)), "{asked:?}");
    assert!(!asked.iter().any(|url| url.ends_with("/x")), "{asked:?}");
    // And where a script does come onto it, the browser does not run it: the same head, with another body.
    let rules = page.header("Content-Security-Policy").context("no policy")?;
    for (rules, title) in
        [(String::new(), "owned"), (format!("Content-Security-Policy: {rules}\r\n"), "before")]
    {
        let body = format!("<!DOCTYPE html><title>before</title><p>x</p>{script}");
        let length = body.len();
        let port = says(
            own,
            format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n{rules}Content-Length: {length}\r\n\r\n{body}"
            ),
        )?;
        let document = monitor.browse(&format!("http://{own}:{port}/"), &[])?;
        assert!(document.contains(&format!("<title>{title}</title>")), "{document}");
    }
    Ok(())
}

/// Asterisk's own module, beside ours.
struct Beside<'a>(&'a Site);

impl Beside<'_> {
    fn text(&self) -> Result<String> {
        Ok(ask(self.0.branch.address(), "GET", "/metrics", None)?.body)
    }

    /// How often our metrics are among its own.
    fn times(&self) -> Result<usize> {
        Ok(self.text()?.lines().filter(|line| line.starts_with("synch_info{")).count())
    }

    fn say(&self, command: &str, wanted: &str) -> Result {
        until_ok(command, GENEROUS, || {
            let said = self.0.branch.rx(command)?;
            if said.contains(wanted) { Ok(()) } else { Err(Error::new(said)) }
        })
    }

    fn load(&self) -> Result {
        self.say("module load res_prometheus.so", "Loaded res_prometheus.so")
    }

    fn unload(&self) -> Result {
        self.say("module unload res_prometheus.so", "Unloaded res_prometheus.so")
    }

    fn is_mapped(&self) -> Result<bool> {
        let maps = format!("/proc/{}/maps", self.0.branch.pid()?);
        Ok(fs::read_to_string(&maps).context(&maps)?.contains("res_prometheus.so"))
    }

    /// Our module goes and comes under scrapes. Asterisk's does not: unloaded in the middle of one, its own code goes from
    /// under the thread that runs it, and Asterisk with it, whether or not we are there.
    fn under_scrapes(&self) -> Result {
        let over = AtomicBool::new(false);
        let scrape = || {
            while !over.load(Ordering::Relaxed) {
                let _ = self.text();
            }
        };
        thread::scope(|scope| {
            let scrapers: Vec<_> = (0..3).map(|_| scope.spawn(scrape)).collect();
            let branch = &self.0.branch;
            let rounds = (0..15).try_for_each(|_| branch.unload_module().and_then(|()| branch.load_module()));
            over.store(true, Ordering::Relaxed);
            scrapers.into_iter().for_each(|one| drop(one.join()));
            rounds
        })
    }
}

fn res_prometheus_has_the_same_metrics_and_can_be_unloaded(version: Version) -> Result {
    let mut site = with_page(version, "")?;
    let conf = "[general]\nenabled = yes\nuri = metrics\ncore_metrics_enabled = no\n";
    site.branch.write_conf("prometheus.conf", conf)?;
    site.branch.start()?;
    let beside = Beside(&site);
    assert!(!beside.is_mapped()?);
    // Loaded later: there at our next reload, and only once at each other one.
    beside.load()?;
    assert_eq!(beside.times()?, 0);
    for _ in 0..3 {
        site.branch.reload_module()?;
        assert_eq!(beside.times()?, 1, "{}", beside.text()?);
    }
    // It reloads, and has it still.
    beside.say("module reload res_prometheus.so", "reloaded successfully")?;
    assert_eq!(beside.times()?, 1);
    // It goes first, again and again.
    for _ in 0..3 {
        beside.unload()?;
        assert!(!beside.is_mapped()?, "res_prometheus.so stays mapped");
        beside.load()?;
        assert_eq!(beside.times()?, 0);
        site.branch.reload_module()?;
        assert_eq!(beside.times()?, 1);
    }
    // We go first, and come again.
    for _ in 0..3 {
        site.branch.unload_module()?;
        assert_eq!(beside.times()?, 0);
        site.branch.load_module()?;
        assert_eq!(beside.times()?, 1);
    }
    let text = beside.text()?;
    let ours: String =
        text.lines().filter(|line| line.contains("synch_")).map(|line| format!("{line}\n")).collect();
    assert_eq!(Monitor::new(&site.net)?.check_metrics(&ours)?, "", "{ours}");
    beside.under_scrapes()?;
    assert_eq!(beside.times()?, 1);
    for _ in 0..15 {
        beside.unload()?;
        site.branch.unload_module()?;
        beside.load()?;
        site.branch.load_module()?;
    }
    assert_eq!(beside.times()?, 1);
    beside.unload()?;
    assert!(!beside.is_mapped()?);
    let log = site.branch.log();
    let errors: Vec<&str> = log.lines().filter(|line| line.contains("] ERROR[")).collect();
    assert_eq!(errors, [""; 0]);
    // Loaded at the start, it is found at once.
    let modules = site.branch.read_conf("modules.conf")?;
    let text = modules.replace("load = res_synch.so", "load = res_synch.so\nload = res_prometheus.so");
    site.branch.write_conf("modules.conf", &text)?;
    site.branch.stop()?;
    site.branch.start()?;
    assert_eq!(Beside(&site).times()?, 1);
    Ok(())
}
