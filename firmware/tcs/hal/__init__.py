"""The seam to the hardware: the only place that touches pins or asks which Python this is.

A board has:
  .counts        array('H') of 16: the sum of 16 twelve-bit conversions of each channel
  .fresh         bit i: channel i has a new sample in this tick
  .switches      end switches: bit 2i open, bit 2i + 1 closed, of valve i
  .tick          ticks since the clock started, below 2^30; it runs on over a reset
  .reset_cause   ST_RESET_CAUSE_*, constant over one boot
  .rx, .rx_count bytes that came up the UART in this tick
  .unique_id     8 bytes; b"emulated" or all FF where no real board is
  .link          set by the application: where finish() drains the downlink from
  begin(tick_ms, baud)
                 once, before the first sample(): what paces the ticks and the link, and the watchdog, start here
  sample()       waits for the next tick and fills the above
  finish(drive_word, fed)
                 drives the valves and the pump, feeds the watchdog when `fed`, hands the UART its bytes of this tick
  leave_for_maintenance()
                 True: a few ticks from now the board resets and starts neither application nor watchdog; False: it cannot
  last_words(error)
                 the application has ended with this exception: valves stay where they are, the traceback goes where somebody may see it
  ticks_us()     clock for measuring a cycle; on lockstep targets it stands still between ticks
  nor_read(sector, page, buffer), nor_program(sector, page, buffer), nor_erase(sector)
                 sectors of 16 pages of 256 bytes; buffers are whole pages, programming only clears bits, and an erase
                 stops the processor for 45 ms, at worst 400 ms

sample() and finish() do not allocate.
"""
