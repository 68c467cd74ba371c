"""Pins of the rig, and what hangs on them. Data, not logic; docs/hil_wiring.md is made from it and from the board file."""

# GPIO numbers of the rig's own Pico.
I2C = 0
I2C_SDA = 4
I2C_SCL = 5
I2C_HZ = 400000  # the DACs' fast mode: all sixteen outputs in 2 ms
LDAC = 6  # of all DACs; their outputs change together when it falls
DACS = (0x0C, 0x0D, 0x0E, 0x0F)  # AD5696, by their pins A1 and A0: channel i is output i % 4 (A to D) of DAC i // 4
SPI = 0  # two 74HC165 (the board's drives) and two 74HC595 (its position switches) in one ring, most significant bit first
SPI_SCK = 18
SPI_MOSI = 19
SPI_MISO = 16
SPI_HZ = 1000000
LATCH = 17  # 165 load while low, 595 storage clock on its rise
UART = 1
UART_TX = 8
UART_RX = 9
TICK = 10  # listens to the board's own LATCH: two pulses a tick
ENABLE = 11  # listens to the board's ENABLE, active low, pulled up
POWER = 12  # high: the board's supply is on; pulled down
STRAP = 13  # low: the board's maintenance strap is closed
BENCH_STRAP = 14  # low: its bench strap is closed
SUPPLY = 26  # half of the board's 3V3
LED = 25

SUPPLY_ON_MV = 3000  # from here on the DACs work
SUPPLY_OFF_MV = 300  # below it a board is off, whatever still charges its capacitors
