//! Figures as the pages in `docs` show them: text between two marks, and curves as SVG.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// The size of a diagram and where its axes lie.
const WIDTH: f64 = 380.0;
const HEIGHT: f64 = 240.0;
const LEFT: f64 = 40.0;
const TOP: f64 = 34.0;
const RIGHT: f64 = 12.0;
const BOTTOM: f64 = 34.0;

/// What a curve is of, and its colour: of middling lightness, for light and dark paper.
pub(crate) struct Curve<'a> {
    pub(crate) words: &'a str,
    pub(crate) colour: &'a str,
}

/// One of two diagrams beside each other: by percent of loss, a mark for each curve where there is one.
pub(crate) struct Diagram<'a> {
    pub(crate) title: &'a str,
    pub(crate) mark: &'a dyn Fn(usize, u32) -> Option<f64>,
}

/// The folder of the pages.
pub(crate) fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

/// Puts what a bench has measured into its place on a page.
pub(crate) fn put(page: &str, bench: &str, text: &str) -> Result<()> {
    let page = docs().join(page);
    let (begin, end) = (format!("<!-- {bench}: written by `cargo xtask bench {bench}` -->\n"), format!("<!-- end of {bench} -->"));
    let old = std::fs::read_to_string(&page).with_context(|| format!("reading {}", page.display()))?;
    let (before, rest) = old.split_once(&begin).with_context(|| format!("{} has no place for `bench {bench}`", page.display()))?;
    let (_, after) = rest.split_once(&end).with_context(|| format!("the place for `bench {bench}` in {} does not end", page.display()))?;
    std::fs::write(&page, format!("{before}{begin}{text}{end}{after}"))?;
    Ok(())
}

/// Two diagrams of PESQ-WB by loss beside each other, with what their curves mean below.
pub(crate) fn by_loss(losses: &[u32], curves: &[Curve<'_>], diagrams: [Diagram<'_>; 2]) -> String {
    let legend = 22.0 * curves.len() as f64;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" font-family=\"sans-serif\" font-size=\"11\">\n\
         <title>PESQ-WB by loss</title>\n\
         <style>text {{ fill: #444 }} .axis {{ stroke: #999; stroke-width: 0.6; fill: none }} .curve {{ stroke-width: 2; fill: none }}\n\
         @media (prefers-color-scheme: dark) {{ text {{ fill: #ccc }} .axis {{ stroke: #777 }} }}</style>\n",
        2.0 * WIDTH,
        HEIGHT + legend,
    );
    for (left, diagram) in [0.0, WIDTH].into_iter().zip(diagrams) {
        svg += &drawn(left, losses, curves, &diagram);
    }
    for (index, Curve { words, colour }) in curves.iter().enumerate() {
        let y = HEIGHT + 14.0 + 20.0 * index as f64;
        let _ = writeln!(
            svg,
            "<path class=\"curve\" stroke=\"{colour}\" d=\"M{LEFT} {y}h24\"/><text x=\"{}\" y=\"{}\">{words}</text>",
            LEFT + 32.0,
            y + 4.0
        );
    }
    svg + "</svg>\n"
}

fn drawn(left: f64, losses: &[u32], curves: &[Curve<'_>], diagram: &Diagram<'_>) -> String {
    let x = |percent: f64| left + LEFT + percent / 45.0 * (WIDTH - LEFT - RIGHT);
    let y = |mark: f64| TOP + (4.5 - mark) / 3.5 * (HEIGHT - TOP - BOTTOM);
    let mut svg = format!("<text x=\"{}\" y=\"18\" font-size=\"12\">{}</text>\n", left + LEFT, diagram.title);
    for mark in [1.0, 2.0, 3.0, 4.0] {
        let _ = writeln!(
            svg,
            "<path class=\"axis\" d=\"M{} {}H{}\"/><text x=\"{}\" y=\"{}\" text-anchor=\"end\">{mark}</text>",
            x(0.0),
            y(mark),
            x(45.0),
            x(0.0) - 6.0,
            y(mark) + 4.0
        );
    }
    for &percent in losses {
        let at = x(f64::from(percent));
        let _ = writeln!(svg, "<text x=\"{at}\" y=\"{}\" text-anchor=\"middle\">{percent} %</text>", HEIGHT - 16.0);
    }
    for (index, curve) in curves.iter().enumerate() {
        let point = |&percent: &u32| (diagram.mark)(index, percent).map(|mark| format!("{:.1},{:.1}", x(f64::from(percent)), y(mark)));
        let points: Vec<String> = losses.iter().filter_map(point).collect();
        let _ = writeln!(svg, "<polyline class=\"curve\" stroke=\"{}\" points=\"{}\"/>", curve.colour, points.join(" "));
    }
    svg
}
