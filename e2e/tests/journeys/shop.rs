//! The shop: the path of an order through two windows, checked by what a user sees.
//!
//! The app belongs to another package. Build it first: `cargo build --workspace --bin shop --features shop/machines`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use e2e::{App, Launch, NatsServer, Window};
use serde_json::{Value, json};

const ORDER: &str = "[data-testid=order]";
const EMPTY: &str = "[data-testid=empty]";
const SAVE: &str = "[data-testid=save]";
const PRICE: &str = "form [data-testid=price]";

fn binary() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_fixture")).with_file_name("shop")
}

/// The windows of the shop, side by side.
struct Shop<'app> {
    shop: Window<'app>,
    office: Window<'app>,
}

impl<'app> Shop<'app> {
    async fn of(app: &'app App) -> Result<Self> {
        let (shop, office) = (app.window("shop").await?, app.window("office").await?);
        shop.place(24, 24, 764, 812).await?;
        office.place(812, 24, 764, 812).await?;
        Ok(Self { shop, office })
    }

    async fn add(&self, product: u32) -> Result<()> {
        let add = format!("[data-product='{product}'] [data-testid=add]");
        self.shop.click(&add).await
    }

    /// Waits for the count in both badges, which plain scripts write.
    async fn badges(&self, count: &str) -> Result<()> {
        for window in [&self.shop, &self.office] {
            shows(window, "[data-testid=badge] strong", count).await?;
        }
        Ok(())
    }

    /// Waits for the stock of a product in the lists of both windows.
    async fn stock(&self, product: u32, left: u32) -> Result<()> {
        let of = |list: &str| {
            format!("[data-testid={list}] [data-product='{product}'] [data-testid=stock]")
        };
        shows(&self.shop, &of("products"), &format!("{left} left")).await?;
        shows(&self.office, &of("stocks"), &left.to_string()).await
    }

    async fn toast(&self, window: &Window<'_>, id: &str, level: &str, text: &str) -> Result<()> {
        let toast = format!("[data-testid=toast][data-id='{id}'][data-level={level}]");
        shows(window, &format!("{toast} strong"), text).await
    }

    /// The component and the causes of the newest event of that name in the analytics tap.
    async fn tapped(&self, event: &str) -> Result<(String, Vec<String>)> {
        let row = format!("[data-testid=tap] [data-event='{event}']");
        let row = self
            .office
            .until(
                &format!("`{event}` in the tap"),
                "document.querySelector(args[0]) && { ...document.querySelector(args[0]).dataset }",
                &[json!(row)],
            )
            .await?;
        let read = |field: &str| row[field].as_str().unwrap_or_default().to_owned();
        let causes = read("causes")
            .split_whitespace()
            .map(str::to_owned)
            .collect();
        Ok((read("component"), causes))
    }

    /// Waits until the office shows the order as paid.
    async fn paid(&self, order: u32) -> Result<()> {
        let state = format!("[data-order='{order}'] .state");
        shows(&self.office, &state, "paid").await
    }
}

/// Waits until an element has this text.
async fn shows(window: &Window<'_>, selector: &str, text: &str) -> Result<()> {
    window
        .until(
            &format!("{selector} to show {text:?}"),
            "document.querySelector(args[0])?.textContent === args[1]",
            &[json!(selector), json!(text)],
        )
        .await
        .map(drop)
}

async fn text(window: &Window<'_>, selector: &str) -> Result<Value> {
    let read = "return document.querySelector(args[0])?.textContent ?? null";
    window.run(read, &[json!(selector)]).await
}

/// One of two machines, with its only window.
async fn machine(server: &NatsServer, name: &str) -> Result<App> {
    let launch = Launch::new(binary())
        .size(800, 860)
        .env("SHOP_NODE", name)
        .env("SHOP_SERVER", server.url());
    launch.start().await
}

#[tokio::test]
async fn an_order_crosses_two_machines() -> Result<()> {
    let server = NatsServer::start().await?;
    let (till, office) = (
        machine(&server, "till-1").await?,
        machine(&server, "office").await?,
    );
    let (shop, office) = (till.window("shop").await?, office.window("office").await?);
    // The list of the till comes from the office.
    let stock = "[data-testid=products] [data-product='4'] [data-testid=stock]";
    shows(&shop, stock, "4 left").await?;
    let badge = "[data-testid=badge] strong";
    for count in ["1", "2"] {
        shop.click("[data-product='4'] [data-testid=add]").await?;
        shows(&shop, badge, count).await?;
    }
    shop.click(ORDER).await?;
    shows(&office, "[data-order='1'] .state", "paid").await?;
    let thanks = "Order 1 is paid. Thank you!";
    shows(&shop, "[data-testid=progress]", thanks).await?;
    shows(&shop, stock, "2 left").await?;
    // The office empties the cart of the till, and knows no cart itself.
    shows(&shop, badge, "0").await?;
    shows(&office, badge, "0").await?;
    let paid = "[data-testid=tap] [data-event='shop:payment:paid']";
    let causes = office
        .until(
            "the causes of the payment",
            "document.querySelector(args[0])?.dataset.causes",
            &[json!(paid)],
        )
        .await?;
    assert_eq!(causes, "shop:order:created shop:payment:requested");

    // What the office changes, the till shows.
    office
        .click("[data-testid=stocks] [data-product='2']")
        .await?;
    shows_value(&office, PRICE, "8.40").await?;
    office.fill(PRICE, "9.20").await?;
    office.click(SAVE).await?;
    let price = "[data-product='2'] [data-testid=price]";
    shows(&shop, price, "€9.20").await
}

#[tokio::test]
async fn an_order_is_paid_and_every_list_follows() -> Result<()> {
    let app = Launch::new(binary())
        .size(1600, 860)
        .start()
        .await
        .context(
            "build the shop first: cargo build --workspace --bin shop --features shop/machines",
        )?;
    app.display().paint(0xe4_e0_d6)?;
    let windows = Shop::of(&app).await?;
    fill_the_cart(&windows).await?;
    order(&windows).await?;
    reload(&windows).await?;
    change_a_product(&windows).await?;
    order_too_much(&windows).await?;
    fail_to_save(&windows).await?;
    order_after_all(&windows).await?;

    let picture = app.picture().await?;
    ensure!(picture.colors() >= 8, "the windows are blank");
    let file = binary().with_file_name("../demo/shop.png");
    picture.save(&file)?;
    println!("picture: {}", file.display());
    Ok(())
}

async fn fill_the_cart(windows: &Shop<'_>) -> Result<()> {
    windows.badges("0").await?;
    windows.stock(4, 4).await?;
    windows.add(1).await?;
    windows.badges("1").await?;
    windows.add(4).await?;
    windows.add(4).await?;
    windows.badges("3").await?;
    // One message has replaced the others in both windows.
    for window in [&windows.shop, &windows.office] {
        let id = "shop#ShoppingCart#success";
        windows
            .toast(window, id, "success", "Jasmine is in the cart.")
            .await?;
        let toasts = "return document.querySelectorAll('[data-testid=toast]').length";
        assert_eq!(window.run(toasts, &[]).await?, 1);
    }
    Ok(())
}

/// The whole chain: the order of the page, the payment in Rust and the lists of both windows.
async fn order(windows: &Shop<'_>) -> Result<()> {
    windows.shop.click(ORDER).await?;
    windows.paid(1).await?;
    let thanks = "Order 1 is paid. Thank you!";
    shows(&windows.shop, "[data-testid=progress]", thanks).await?;
    windows.stock(1, 23).await?;
    windows.stock(4, 2).await?;
    windows.badges("0").await?;
    shows(&windows.office, "[data-testid=revenue]", "€26.50").await?;
    let id = "shop#OrderDesk#order-1";
    for window in [&windows.shop, &windows.office] {
        windows
            .toast(window, id, "success", "Order 1 is paid.")
            .await?;
    }

    let (created, requested, paid) = (
        "shop:order:created",
        "shop:payment:requested",
        "shop:payment:paid",
    );
    for (event, component, causes) in [
        (created, "ShoppingCart", &[] as &[&str]),
        (requested, "OrderDesk", &[created]),
        (paid, "Bank", &[created, requested]),
        (
            "shop:sales:updated",
            "OrderDesk",
            &[created, requested, paid],
        ),
        (
            "shop:refresh-orderlist",
            "OrderDesk",
            &[created, requested, paid],
        ),
        (
            "shop:refresh-productlist",
            "OrderDesk",
            &[created, requested, paid],
        ),
    ] {
        let (by, from) = windows.tapped(event).await?;
        assert_eq!((&*by, &*from), (component, &*to_owned(causes)), "{event}");
    }
    let (by, _) = windows.tapped("shop:action-complete").await?;
    assert!(["ShoppingCart", "OrderDesk"].contains(&&*by), "{by}");
    Ok(())
}

fn to_owned(causes: &[&str]) -> Vec<String> {
    causes.iter().map(|&cause| cause.to_owned()).collect()
}

/// A reloaded window has the retained events.
async fn reload(windows: &Shop<'_>) -> Result<()> {
    windows.add(2).await?;
    windows.add(2).await?;
    windows.badges("2").await?;
    windows.shop.reload().await?;
    windows.office.reload().await?;
    windows.badges("2").await?;
    shows(&windows.shop, "[data-testid=cart] li span", "2 × Sencha").await?;
    shows(&windows.shop, "[data-testid=total]", "€16.80").await?;
    shows(&windows.office, "[data-testid=revenue]", "€26.50").await?;
    windows.paid(1).await
}

async fn change_a_product(windows: &Shop<'_>) -> Result<()> {
    windows
        .office
        .click("[data-testid=stocks] [data-product='2']")
        .await?;
    shows_value(&windows.office, PRICE, "8.40").await?;
    windows.office.fill(PRICE, "9.20").await?;
    windows.office.click(SAVE).await?;
    let price = "[data-product='2'] [data-testid=price]";
    shows(&windows.shop, price, "€9.20").await?;
    shows(&windows.shop, "[data-testid=total]", "€18.40").await?;
    let (by, _) = windows.tapped("shop:refresh-productlist").await?;
    assert_eq!(by, "ProductEditor");
    windows.shop.click(ORDER).await?;
    windows.paid(2).await?;
    windows.stock(2, 10).await
}

async fn shows_value(window: &Window<'_>, selector: &str, value: &str) -> Result<()> {
    window
        .until(
            &format!("{selector} to hold {value:?}"),
            "document.querySelector(args[0])?.value === args[1]",
            &[json!(selector), json!(value)],
        )
        .await
        .map(drop)
}

/// An action fails in Rust. The cart and the stock are unchanged.
async fn order_too_much(windows: &Shop<'_>) -> Result<()> {
    for _ in 0..3 {
        windows.add(4).await?;
    }
    windows.badges("3").await?;
    windows.shop.click(ORDER).await?;
    let id = "action:OrderDesk:take-order";
    for window in [&windows.shop, &windows.office] {
        windows
            .toast(window, id, "error", "Jasmine: 3 wanted, 2 left.")
            .await?;
    }
    let origin = text(&windows.shop, &format!("[data-id='{id}'] span")).await?;
    assert_eq!(origin, "OrderDesk · take-order · 409");
    let (by, causes) = windows.tapped("shop:error").await?;
    assert_eq!(
        (&*by, &*causes),
        ("OrderDesk", &*to_owned(&["shop:order:created"]))
    );
    windows.badges("3").await?;
    windows.stock(4, 2).await
}

/// An action fails in a page with the error of a Rust command.
async fn fail_to_save(windows: &Shop<'_>) -> Result<()> {
    let id = "action:ProductEditor:save";
    let wrong = "A price is between 0.01 and 1000.00, not 0.00.";
    windows.office.fill(PRICE, "0").await?;
    windows.office.click(SAVE).await?;
    for window in [&windows.shop, &windows.office] {
        windows.toast(window, id, "error", wrong).await?;
    }
    let price = "[data-product='2'] [data-testid=price]";
    shows(&windows.shop, price, "€9.20").await
}

/// The failed action succeeds and its toast disappears. The picture has the chain of this order in the tap.
async fn order_after_all(windows: &Shop<'_>) -> Result<()> {
    windows.shop.click(EMPTY).await?;
    windows.badges("0").await?;
    windows.add(1).await?;
    windows.shop.click(ORDER).await?;
    windows.paid(3).await?;
    windows.badges("0").await?;
    windows.stock(1, 22).await?;
    for window in [&windows.shop, &windows.office] {
        let id = "shop#OrderDesk#order-3";
        windows
            .toast(window, id, "success", "Order 3 is paid.")
            .await?;
        let failed = "[data-id='action:OrderDesk:take-order']";
        window
            .until(
                "the toast of the failed order to disappear",
                "document.querySelector(args[0]) === null",
                &[json!(failed)],
            )
            .await?;
    }
    windows.add(2).await?;
    windows.badges("1").await
}
