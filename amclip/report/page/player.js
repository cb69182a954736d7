// The video, its flow overlay, and the one time that everything on the page follows. Without a playable video the time
// still moves, so that scores can be looked at.

class Player {
  /**
   * @param video the video element
   * @param flow the video element of the overlay
   * @param on { time(seconds), frame(its number, or null), state(playing), problem(message or null) }
   */
  constructor(video, flow, on) {
    Object.assign(this, { video, flow, on });
    this.time = 0;
    this.until = null; // where playing stops, and what it goes back to when it loops
    this.ready = false;
    this.overlay = false;
    video.addEventListener("loadedmetadata", () => this.loaded());
    video.addEventListener("error", () => this.failed());
    video.addEventListener("seeked", () => this.seekNext());
    video.addEventListener("play", () => this.follow());
    video.addEventListener("pause", () => this.paused());
    video.addEventListener("ended", () => this.paused());
    this.watchFrames();
    flow.addEventListener("error", () => this.overlay && this.on.problem("The flow video cannot be played."));
  }

  /** Show another video. `addresses` are tried in turn. */
  open(scores, addresses, flowAddress) {
    this.video.pause();
    Object.assign(this, { scores, addresses: [...addresses], ready: false, until: null, waiting: null, time: 0 });
    this.playWhenReady = false;
    this.on.frame(null);
    this.hasFlow = Boolean(flowAddress);
    this.flow.removeAttribute("src");
    if (flowAddress) this.flow.src = flowAddress;
    this.on.problem(null);
    this.tryNext();
    this.on.time(0);
  }

  /** Take a file that the person chose in place of the video that was not found. */
  choose(file) {
    this.addresses = [URL.createObjectURL(file)];
    this.byFrames = false;
    this.on.problem(null);
    this.tryNext();
  }

  tryNext() {
    const next = this.addresses.shift();
    if (!next) return this.on.problem("missing");
    this.byFrames = next.byFrames ?? false;
    this.video.src = next.address ?? next;
  }

  failed() {
    this.ready = false;
    this.tryNext();
  }

  loaded() {
    if (!this.video.videoWidth) return this.failed(); // a browser that plays the sound of what it cannot show
    this.ready = true;
    this.on.problem(null);
    this.seek(this.time);
    if (this.playWhenReady) this.play();
  }

  /** Where in a file a time of the page is. Videos made by `amclip report` have evenly spaced frames. */
  mediaTime(time, byFrames = this.byFrames) {
    const { fps, offset } = this.scores.video;
    return byFrames ? this.scores.frameAt(time) / fps : time + offset;
  }

  pageTime(media) {
    const { fps, offset } = this.scores.video;
    return this.byFrames ? this.scores.timeOf(media * fps) : media - offset;
  }

  /** Tell of every frame that comes on screen, when it does: later than the time is set, and not in step with it. */
  watchFrames() {
    const { video } = this;
    if (!video.requestVideoFrameCallback) {
      for (const event of ["timeupdate", "seeked"]) video.addEventListener(event, () => this.on.frame(this.scores.shownAt(this.time)));
      return;
    }
    const came = (now, { mediaTime }) => {
      video.requestVideoFrameCallback(came);
      const { scores } = this;
      this.on.frame(clamp(Math.round(scores.frameAt(this.pageTime(mediaTime))), 0, scores.video.num_frames - 1));
    };
    video.requestVideoFrameCallback(came);
  }

  /** Go to a time; the picture shown is that of the frame it falls in. */
  seek(time) {
    const { scores } = this;
    this.time = clamp(time, 0, scores.video.duration);
    this.on.time(this.time);
    if (!this.ready) return;
    // A third of a frame inside, so that rounding in the decoder does not show the frame before.
    const inside = scores.timeOf(scores.shownAt(this.time)) + 0.3 / scores.video.fps;
    this.waiting = this.video.paused ? inside : this.time;
    if (!this.video.seeking) this.seekNext();
  }

  seekNext() {
    if (this.waiting == null) return this.alignFlow();
    const wanted = this.waiting;
    this.waiting = null;
    this.video.currentTime = Math.max(0, this.mediaTime(wanted));
  }

  /** To a frame that many further on. */
  step(frames) {
    this.video.pause();
    const { scores } = this;
    this.seek(scores.timeOf(clamp(scores.shownAt(this.time) + frames, 0, scores.video.num_frames - 1)));
  }

  async toggle() {
    this.until = null;
    if (this.video.paused) await this.play();
    else this.video.pause();
  }

  async play() {
    this.playWhenReady = !this.ready;
    if (!this.ready) return;
    if (this.video.ended) this.seek(0);
    try {
      await this.video.play();
    } catch {
      // paused again before it began
    }
  }

  /** Play an interval, once or again and again. */
  async playInterval(start, stop, loop = false) {
    this.video.pause();
    this.seek(start);
    this.until = { start, stop, loop };
    await this.play();
  }

  follow() {
    this.on.state(true);
    this.flow.playbackRate = this.video.playbackRate;
    if (this.overlay) this.flow.play().catch(() => {});
    const tick = () => {
      if (this.video.paused) return;
      if (!this.video.seeking && this.waiting == null) this.time = Math.max(0, this.pageTime(this.video.currentTime));
      if (this.until && this.time >= this.until.stop) {
        const { start, stop, loop } = this.until;
        if (!loop) {
          this.video.pause();
          this.until = null;
          return this.seek(stop);
        }
        this.seek(start);
      }
      this.on.time(this.time);
      this.alignFlow();
      requestAnimationFrame(tick);
    };
    tick();
  }

  paused() {
    this.on.state(false);
    this.flow.pause();
    this.time = this.scores.timeOf(this.scores.shownAt(Math.min(this.time, this.scores.video.duration)));
    this.on.time(this.time);
    this.alignFlow();
  }

  setSpeed(speed) {
    this.video.playbackRate = this.flow.playbackRate = speed;
  }

  showFlow(on) {
    this.overlay = on && this.hasFlow;
    this.flow.hidden = !this.overlay;
    if (this.overlay && !this.video.paused) this.flow.play().catch(() => {});
    if (!this.overlay) this.flow.pause();
    this.alignFlow();
  }

  /** Put the overlay at the frame of the video, where it lags behind or runs ahead. */
  alignFlow() {
    if (!this.overlay || this.flow.seeking) return;
    const { fps } = this.scores.video;
    const exact = this.video.paused ? this.scores.shownAt(this.time) + 0.3 : this.scores.frameAt(this.time);
    const apart = Math.abs(this.flow.currentTime - exact / fps);
    if (apart > (this.video.paused ? 0.01 / fps : Math.max(0.05, 1.5 / fps))) this.flow.currentTime = exact / fps;
  }
}
