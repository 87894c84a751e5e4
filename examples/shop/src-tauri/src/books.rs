//! The stock and the orders of the shop. It knows nothing of events.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::events::Line;

const MAX_PRICE: u32 = 100_000;
const MAX_STOCK: u32 = 1_000;
const MAX_NAME_LENGTH: usize = 40;
/// Older orders are dropped, so that a page cannot fill the memory.
const MAX_ORDERS: usize = 100;

const ASSORTMENT: [(&str, u32, u32); 6] = [
    ("Earl Grey", 690, 24),
    ("Sencha", 840, 12),
    ("Rooibos", 520, 30),
    ("Jasmine", 980, 4),
    ("Assam", 610, 18),
    ("Masala Chai", 750, 9),
];

/// A product of the shop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Product {
    pub(crate) id: u32,
    pub(crate) name: String,
    /// In cents.
    pub(crate) price: u32,
    /// How many are in stock.
    pub(crate) stock: u32,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Order {
    pub(crate) number: u32,
    pub(crate) items: Vec<Item>,
    /// In cents.
    pub(crate) amount: u64,
    pub(crate) is_paid: bool,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Item {
    pub(crate) name: String,
    pub(crate) quantity: u32,
}

/// Why the shop refuses something, with an HTTP status and a message for the user.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) message: String,
}

impl Refusal {
    pub(crate) fn new(status: u16, message: String) -> Self {
        Self { status, message }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// The books of the shop. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Books(Arc<Mutex<Pages>>);

struct Pages {
    products: Vec<Product>,
    orders: VecDeque<Order>,
    /// The number of the newest order.
    newest: u32,
    orders_paid: u32,
    revenue: u64,
}

impl Default for Pages {
    fn default() -> Self {
        let products = (1..).zip(ASSORTMENT);
        let product = |(id, (name, price, stock)): (u32, (&str, u32, u32))| Product {
            id,
            name: name.to_owned(),
            price,
            stock,
        };
        Self {
            products: products.map(product).collect(),
            orders: VecDeque::new(),
            newest: 0,
            orders_paid: 0,
            revenue: 0,
        }
    }
}

impl Books {
    fn open(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn products(&self) -> Vec<Product> {
        self.open().products.clone()
    }

    /// The orders, newest first.
    pub(crate) fn orders(&self) -> Vec<Order> {
        self.open().orders.iter().cloned().collect()
    }

    pub(crate) fn save(&self, product: Product) -> Result<Product, Refusal> {
        check(&product)?;
        let mut pages = self.open();
        let place = find(&mut pages.products, product.id)?;
        *place = product.clone();
        Ok(product)
    }

    /// Takes an order and reduces the stock.
    pub(crate) fn take(&self, lines: &[Line]) -> Result<Order, Refusal> {
        if lines.is_empty() {
            return Err(Refusal::new(422, "The cart is empty.".to_owned()));
        }
        let mut pages = self.open();
        // On a copy: an order is taken as a whole or not at all.
        let mut products = pages.products.clone();
        let (mut items, mut amount) = (Vec::new(), 0);
        for line in lines {
            let product = find(&mut products, line.product)?;
            take_out(product, line.quantity)?;
            amount += u64::from(product.price) * u64::from(line.quantity);
            items.push(Item {
                name: product.name.clone(),
                quantity: line.quantity,
            });
        }
        pages.products = products;
        pages.newest += 1;
        let order = Order {
            number: pages.newest,
            items,
            amount,
            is_paid: false,
        };
        pages.orders.push_front(order.clone());
        pages.orders.truncate(MAX_ORDERS);
        Ok(order)
    }

    /// Marks an order as paid. Returns the number of paid orders and the revenue in cents.
    pub(crate) fn pay(&self, number: u32, amount: u64) -> (u32, u64) {
        let mut pages = self.open();
        if let Some(order) = pages.orders.iter_mut().find(|it| it.number == number) {
            order.is_paid = true;
        }
        pages.orders_paid += 1;
        pages.revenue += amount;
        (pages.orders_paid, pages.revenue)
    }
}

fn find(products: &mut [Product], id: u32) -> Result<&mut Product, Refusal> {
    products
        .iter_mut()
        .find(|product| product.id == id)
        .ok_or_else(|| Refusal::new(404, format!("There is no product {id}.")))
}

fn take_out(product: &mut Product, quantity: u32) -> Result<(), Refusal> {
    if quantity == 0 {
        let message = format!("An order needs at least one {}.", product.name);
        return Err(Refusal::new(422, message));
    }
    match product.stock.checked_sub(quantity) {
        Some(left) => product.stock = left,
        None => {
            let (name, stock) = (&product.name, product.stock);
            let message = format!("{name}: {quantity} wanted, {stock} left.");
            return Err(Refusal::new(409, message));
        }
    }
    Ok(())
}

fn check(product: &Product) -> Result<(), Refusal> {
    let length = product.name.trim().chars().count();
    let problem = if length == 0 || length > MAX_NAME_LENGTH {
        format!("A name has 1 to {MAX_NAME_LENGTH} characters, not {length}.")
    } else if product.price == 0 || product.price > MAX_PRICE {
        let price = f64::from(product.price) / 100.0;
        let max = MAX_PRICE / 100;
        format!("A price is between 0.01 and {max}.00, not {price:.2}.")
    } else if product.stock > MAX_STOCK {
        let stock = product.stock;
        format!("The stock is at most {MAX_STOCK}, not {stock}.")
    } else {
        return Ok(());
    };
    Err(Refusal::new(422, problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(product: u32, quantity: u32) -> Line {
        Line { product, quantity }
    }

    #[test]
    fn an_order_is_taken_as_a_whole_or_not_at_all() {
        let books = Books::default();
        let before = books.products();
        for (lines, status) in [
            (vec![], 422),
            (vec![line(1, 0)], 422),
            (vec![line(1, 1), line(99, 1)], 404),
            (vec![line(1, 1), line(4, 5)], 409),
            // Two lines of one product count together.
            (vec![line(4, 2), line(4, 3)], 409),
        ] {
            assert_eq!(books.take(&lines).unwrap_err().status, status);
        }
        assert_eq!(books.products(), before);
        assert!(books.orders().is_empty());

        let order = books.take(&[line(4, 4), line(1, 1)]).unwrap();
        assert_eq!(
            (order.number, order.amount, order.is_paid),
            (1, 4610, false)
        );
        assert_eq!(books.products()[3].stock, 0);
        assert_eq!(books.pay(order.number, order.amount), (1, 4610));
        assert!(books.orders()[0].is_paid);
    }

    #[test]
    fn products_have_limits() {
        let books = Books::default();
        let tea = |name: &str, price, stock| Product {
            id: 1,
            name: name.to_owned(),
            price,
            stock,
        };
        for fine in [
            tea("T", 1, 0),
            tea(&"T".repeat(MAX_NAME_LENGTH), MAX_PRICE, MAX_STOCK),
        ] {
            assert_eq!(books.save(fine.clone()), Ok(fine));
        }
        for (wrong, problem) in [
            (tea(" ", 1, 0), "not 0."),
            (tea(&"T".repeat(MAX_NAME_LENGTH + 1), 1, 0), "not 41."),
            (tea("T", 0, 0), "not 0.00."),
            (tea("T", MAX_PRICE + 1, 0), "not 1000.01."),
            (tea("T", 1, MAX_STOCK + 1), "not 1001."),
        ] {
            let refused = books.save(wrong).unwrap_err();
            assert_eq!(refused.status, 422);
            assert!(refused.message.contains(problem), "{refused}");
        }
        let stranger = Product {
            id: 7,
            ..tea("T", 1, 1)
        };
        assert_eq!(books.save(stranger).unwrap_err().status, 404);
    }

    #[test]
    fn old_orders_are_dropped() {
        let books = Books::default();
        books
            .save(Product {
                stock: 1_000,
                ..books.products()[0].clone()
            })
            .unwrap();
        for _ in 0..=MAX_ORDERS {
            books.take(&[line(1, 1)]).unwrap();
        }
        let numbers: Vec<u32> = books.orders().iter().map(|order| order.number).collect();
        assert_eq!(
            (numbers.len(), numbers[0], numbers[MAX_ORDERS - 1]),
            (MAX_ORDERS, 101, 2)
        );
    }
}
