//! The page that every error's `link` points at. It needs nothing from elsewhere.

use super::Code;

const HEAD: &str = "<!doctype html><html lang=en><meta charset=utf-8>\
    <meta name=viewport content='width=device-width'><title>Goshawk error codes</title><style>\
    body{font:16px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem}\
    table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #ccc;padding:.4rem;\
    text-align:left;vertical-align:top}tr:target{background:#fff3c4;color:#000}i{opacity:.7}\
    @media(prefers-color-scheme:dark){body{background:#181818;color:#ddd}a{color:#9cf}}</style>\
    <h1>Error codes</h1><p>Every answer that is not a success has a JSON body with \
    <code>error_code</code>, <code>desc</code>, <code>detail</code> and a <code>link</code> to \
    this page. Programs should go by the code; <i>value</i> stands for what is at fault.";

/// All codes by theme, each with an anchor of its number.
pub fn page() -> String {
    let mut html = String::from(HEAD);
    html.push_str("<nav><ul>");
    for (at, (theme, _)) in Code::THEMES.iter().enumerate() {
        html.push_str(&format!("<li><a href=#theme-{at}>{}</a>", escape(theme)));
    }
    html.push_str("</ul></nav>");
    let mut seen = Vec::new();
    for (at, (theme, codes)) in Code::THEMES.iter().enumerate() {
        html.push_str(&format!(
            "<h2 id=theme-{at}>{}</h2><table><tr><th>Code<th>Status<th>Description<th>Detail",
            escape(theme)
        ));
        for code in *codes {
            // A few numbers mean several things in the contract; the first row has the anchor.
            let first = !seen.contains(&code.number());
            seen.push(code.number());
            html.push_str(&row(*code, first));
        }
        html.push_str("</table>");
    }
    html.push_str("</html>");
    html
}

fn row(code: Code, anchor: bool) -> String {
    let number = code.number();
    let anchor = if anchor {
        format!(" id={number}")
    } else {
        String::new()
    };
    format!(
        "<tr{anchor}><td><a href=#{number}>{number}</a><td>{}<td>{}<td>{}",
        code.status().as_u16(),
        escape(code.desc()),
        escape(code.detail()).replace("{}", "<i>value</i>")
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
