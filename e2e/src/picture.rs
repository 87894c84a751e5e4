//! A picture of the X display.

use anyhow::{Context, Result, bail};
use std::{
    fs::{self, File},
    io::BufWriter,
    path::Path,
};
use x11rb::{
    connection::Connection,
    protocol::xproto::{ConnectionExt, ImageFormat, ImageOrder},
};

/// The pixels of a whole display. WebDriver has its own screenshots, but with software rendering under Xvfb that call
/// never returns.
#[derive(Debug, PartialEq, Eq)]
pub struct Picture {
    width: u32,
    height: u32,
    rgb: Vec<u8>,
}

impl Picture {
    /// Takes a picture of the display `name`.
    pub fn take(name: &str) -> Result<Self> {
        let (connection, screen) =
            x11rb::connect(Some(name)).with_context(|| format!("cannot reach display {name}"))?;
        let setup = connection.setup();
        let screen = &setup.roots[screen];
        let (width, height) = (screen.width_in_pixels, screen.height_in_pixels);
        let image = connection
            .get_image(ImageFormat::Z_PIXMAP, screen.root, 0, 0, width, height, !0)?
            .reply()
            .context("the X server gave no image")?;
        let pixels = usize::from(width) * usize::from(height);
        if image.data.len() != pixels * 4 {
            bail!(
                "a display of depth {} is not supported, only 24",
                image.depth
            );
        }
        let rgb = image
            .data
            .chunks_exact(4)
            .flat_map(|pixel| match setup.image_byte_order {
                ImageOrder::LSB_FIRST => [pixel[2], pixel[1], pixel[0]],
                _ => [pixel[1], pixel[2], pixel[3]],
            })
            .collect();
        Ok(Self {
            width: width.into(),
            height: height.into(),
            rgb,
        })
    }

    /// How many different colors the picture has: an empty display has one.
    pub fn colors(&self) -> usize {
        let mut colors: Vec<_> = self.rgb.chunks_exact(3).collect();
        colors.sort_unstable();
        colors.dedup();
        colors.len()
    }

    /// Writes a PNG, making the directory for it.
    pub fn save(&self, path: &Path) -> Result<()> {
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)
                .with_context(|| format!("cannot make {}", directory.display()))?;
        }
        let file =
            File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
        let mut encoder = png::Encoder::new(BufWriter::new(file), self.width, self.height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&self.rgb)?;
        writer.finish()?;
        Ok(())
    }
}
