fn main() {
    app::run()
}
