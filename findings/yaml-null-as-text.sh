#!/usr/bin/env bash
# yaml_serde reads a plain `null`, `~` or nothing into a String as the text "null", "~" or "", and a phone number without quotes
# keeps its plus only if the key's type is known beforehand: through a tree (Value) it becomes a number that has lost it.
#
# Expected by whoever writes a configuration: null is no text (YAML 1.2 §10.2.1.1), and serde_json, given null for a String, says
# so; `phone: +8613800138000` is the same number on either way.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"
cat >"$work/Cargo.toml" <<'TOML'
[package]
name = "finding"
version = "0.0.0"
edition = "2021"
[dependencies]
serde = { version = "=1.0.228", features = ["derive"] }
yaml_serde = "=0.10.7"
serde_json = "=1.0.145"
[workspace]
TOML
cat >"$work/src/main.rs" <<'RUST'
use serde::Deserialize;

#[derive(Deserialize)]
struct Admin {
    phone: String,
}

fn main() {
    let direct = |text: &str| yaml_serde::from_str::<Admin>(text).map(|admin| admin.phone).map_err(drop);
    let by_tree = |text: &str| {
        let tree: yaml_serde::Value = yaml_serde::from_str(text).unwrap();
        yaml_serde::to_string(&tree["phone"]).unwrap().trim().to_owned()
    };
    println!("null   {:?}", direct("phone: null"));
    println!("~      {:?}", direct("phone: ~"));
    println!("empty  {:?}", direct("phone:"));
    println!("json   {:?}", serde_json::from_str::<Admin>(r#"{"phone": null}"#).map(|admin| admin.phone).map_err(drop));
    println!("direct {:?}", direct("phone: +8613800138000"));
    println!("tree   {:?}", by_tree("phone: +8613800138000"));
}
RUST
cd "$work"
CARGO_TARGET_DIR="$work/target" cargo run -q >out
echo "yaml_serde 0.10.7: null, ~ and nothing read into a String, null of JSON beside them; a number with a plus, directly and by a tree"
cat out
diff out - <<'SEEN'
null   Ok("null")
~      Ok("~")
empty  Ok("")
json   Err(())
direct Ok("+8613800138000")
tree   "8613800138000"
SEEN
