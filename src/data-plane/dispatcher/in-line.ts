/** Who waits in a line: for room in the lane to a subscriber, or for memory. */
export interface InLine {
  /** There is room: take some of it, and get in line again for more. */
  proceed(): void
}
