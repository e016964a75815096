//! How the page looks: one column on a telephone, two on a screen; light or dark, as the reader's system is.

/// The style sheet. Colours are chosen for a contrast of at least 4.5 to 1 (WCAG 2.1, 1.4.3).
pub(super) const STYLE: &str = "\
:root{--back:#f4f5f7;--card:#fff;--ink:#1c2430;--dim:#566172;--line:#d9dee6;--mark:#6b7686}\
@media(prefers-color-scheme:dark){:root{--back:#14181e;--card:#1d232b;--ink:#e6eaf0;--dim:#a3aebd;--line:#343d49;\
--mark:#8d99a9}}\
*{box-sizing:border-box}\
body{margin:0 auto;padding:16px;max-width:1060px;background:var(--back);color:var(--ink);\
font:15px/1.45 system-ui,sans-serif}\
header,section{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:14px 18px}\
header{border-left:10px solid var(--mark);margin-bottom:14px}\
.green{--mark:#2e8b4f}.amber{--mark:#e0961b}.blue{--mark:#3277d4}.red{--mark:#d33a34}\
h1{font-size:22px;margin:0 0 6px}h2{font-size:16px;margin:0 0 8px}p{margin:2px 0}\
header p{color:var(--dim)}h1,p,footer{overflow-wrap:anywhere}\
main{display:grid;grid-template-columns:1fr;gap:14px;margin-bottom:14px}\
@media(min-width:760px){main{grid-template-columns:1fr 1fr}section:last-child:nth-child(odd){grid-column:1/-1}}\
dl{display:grid;grid-template-columns:6.6em 1fr;gap:3px 12px;margin:0}\
dt{color:var(--dim)}dd{margin:0;min-width:0;overflow-wrap:anywhere}\
.wide{overflow-x:auto}\
table{border-collapse:collapse;width:100%}\
th,td{text-align:left;vertical-align:top;padding:3px 10px 3px 0;border-top:1px solid var(--line)}\
th{color:var(--dim);font-weight:normal;border-top:0}\
td{white-space:nowrap}td:last-child{white-space:normal;overflow-wrap:anywhere}\
@media(max-width:559px){table,tr{display:block}tr:first-child{display:none}\
tr{border-top:1px solid var(--line);padding:5px 0}td{display:inline;border:0;padding:0 6px 0 0;white-space:normal;overflow-wrap:anywhere}\
td:last-child{display:block}}\
footer{color:var(--dim);margin:14px 2px;font-size:13px}a{color:inherit}";
