mod bridge;
mod commands;
mod controller;
mod settings;
mod shell;
mod view;

fn main() {
    let builder = bridge::builder();
    tauri::Builder::default().invoke_handler(builder.invoke_handler()).run(tauri::generate_context!()).expect("x");
}
