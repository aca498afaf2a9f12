// The canvas: picture below, colours of the classes above.

class Picture {
  constructor(canvas) {
    this.canvas = canvas;
    this.show = "overlay";
    this.opacity = 0.5;
    this.setClasses([]);
    this.bitmap = null;
    this.message = null;
    this.pixels = null;
    this.mask = document.createElement("canvas");
    this.drawnAt = null;
  }

  setClasses(classes) {
    this.classes = classes;
    this.clear = makePalette(classes, true);
    this.full = makePalette(classes, false);
  }

  /** Decode a message and draw it with the screen's next refresh. */
  async take(message) {
    const bitmap = await createImageBitmap(message.jpeg);
    await new Promise((resolve) => requestAnimationFrame(resolve));
    if (this.bitmap) this.bitmap.close();
    this.bitmap = bitmap;
    this.message = message;
    this.paint();
    this.drawnAt = performance.now();
  }

  paint() {
    if (!this.bitmap) return;
    const [width, height] = this.message.header.size_wh;
    if (this.canvas.width !== width || this.canvas.height !== height || !this.pixels) {
      this.canvas.width = this.mask.width = width;
      this.canvas.height = this.mask.height = height;
      this.pixels = new ImageData(width, height);
    }
    const context = this.canvas.getContext("2d", { alpha: false });
    context.globalAlpha = 1;
    if (this.show !== "mask") context.drawImage(this.bitmap, 0, 0);
    if (this.show === "original") return;
    paintIds(this.message, this.show === "mask" ? this.full : this.clear, new Uint32Array(this.pixels.data.buffer));
    this.mask.getContext("2d").putImageData(this.pixels, 0, 0);
    if (this.show === "overlay") context.globalAlpha = this.opacity;
    context.drawImage(this.mask, 0, 0);
    context.globalAlpha = 1;
  }

  /** Have the browser save what is shown; nothing is written on the camera. */
  save() {
    const now = new Date();
    const stamp = new Date(now - 60000 * now.getTimezoneOffset()).toISOString().slice(0, 19).replace(/[-:]/g, "").replace("T", "-");
    this.canvas.toBlob((blob) => {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(blob);
      link.download = `fcn-edge-${stamp}.png`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    }, "image/png");
  }
}
