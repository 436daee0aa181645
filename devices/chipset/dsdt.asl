/*
 * What an ACPI operating system must know about the default PC and cannot find out by itself.
 * Sources: ACPI specification 1.0b; PIIX3 data sheet (290550), "PIRQRC", for the interrupt links.
 * `make dsdt` compiles this into dsdt.h.
 */
DefinitionBlock ("dsdt.aml", "DSDT", 1, "BYGONE", "BYGONEPC", 1)
{
    Scope (\_PR)
    {
        Processor (CPU0, 0, 0, 0) {}
    }

    /* Soft-off is the one sleeping state: SLP_TYP 0. */
    Name (\_S5, Package () { 0, 0, 0, 0 })

    /* The serial ports there are, a bit for each. Patched when the tables are built. */
    Name (COMS, 0x0F)

    Scope (\_SB)
    {
        Device (PCI0)
        {
            Name (_HID, EisaId ("PNP0A03"))
            Name (_ADR, 0)
            Name (_UID, 0)

            Name (_CRS, ResourceTemplate ()
            {
                WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode,
                    0, 0, 0xFF, 0, 0x100)
                IO (Decode16, 0x0CF8, 0x0CF8, 1, 8)
                WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,
                    0, 0x0000, 0x0CF7, 0, 0x0CF8)
                WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,
                    0, 0x0D00, 0xFFFF, 0, 0xF300)
                DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, Cacheable, ReadWrite,
                    0, 0x000A0000, 0x000BFFFF, 0, 0x00020000)
                /* Patched when the tables are built: firmware places cards above RAM, from 2 GiB
                 * or, when RAM reaches that far, from 3 GiB. */
                DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable,
                    ReadWrite, 0, 0x80000000, 0xFEBFFFFF, 0, 0x7EC00000)
            })

            /* INTA# of device n is PIRQ (n - 1) & 3; the other pins follow in turn. */
            #define SLOT(n, a, b, c, d) \
                Package () { n##FFFF, 0, a, 0 }, Package () { n##FFFF, 1, b, 0 }, \
                Package () { n##FFFF, 2, c, 0 }, Package () { n##FFFF, 3, d, 0 }
            #define SLOTS(n1, n2, n3, n4) \
                SLOT (n1, LNKA, LNKB, LNKC, LNKD), SLOT (n2, LNKB, LNKC, LNKD, LNKA), \
                SLOT (n3, LNKC, LNKD, LNKA, LNKB), SLOT (n4, LNKD, LNKA, LNKB, LNKC)
            Name (_PRT, Package ()
            {
                SLOTS (0x0001, 0x0002, 0x0003, 0x0004),
                SLOTS (0x0005, 0x0006, 0x0007, 0x0008),
                SLOTS (0x0009, 0x000A, 0x000B, 0x000C),
                SLOTS (0x000D, 0x000E, 0x000F, 0x0010),
                SLOTS (0x0011, 0x0012, 0x0013, 0x0014),
                SLOTS (0x0015, 0x0016, 0x0017, 0x0018),
                SLOTS (0x0019, 0x001A, 0x001B, 0x001C),
                SLOT (0x001D, LNKA, LNKB, LNKC, LNKD),
                SLOT (0x001E, LNKB, LNKC, LNKD, LNKA),
                SLOT (0x001F, LNKC, LNKD, LNKA, LNKB)
            })

            Device (ISA)
            {
                Name (_ADR, 0x00010000)
                OperationRegion (PIRQ, PCI_Config, 0x60, 4)
                Field (PIRQ, ByteAcc, NoLock, Preserve)
                {
                    PRQA, 8, PRQB, 8, PRQC, 8, PRQD, 8
                }

                Device (RTC)
                {
                    Name (_HID, EisaId ("PNP0B00"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x70, 0x70, 1, 2)
                        IRQNoFlags () { 8 }
                    })
                }
                Device (PIC)
                {
                    Name (_HID, EisaId ("PNP0000"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x20, 0x20, 1, 2)
                        IO (Decode16, 0xA0, 0xA0, 1, 2)
                        IO (Decode16, 0x4D0, 0x4D0, 1, 2)
                        IRQNoFlags () { 2 }
                    })
                }
                Device (PIT)
                {
                    Name (_HID, EisaId ("PNP0100"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x40, 0x40, 1, 4)
                        IRQNoFlags () { 0 }
                    })
                }
                Device (DMAC)
                {
                    Name (_HID, EisaId ("PNP0200"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x00, 0x00, 1, 16)
                        IO (Decode16, 0x80, 0x80, 1, 17)
                        IO (Decode16, 0x94, 0x94, 1, 12)
                        IO (Decode16, 0xC0, 0xC0, 1, 32)
                        DMA (Compatibility, NotBusMaster, Transfer8) { 4 }
                    })
                }
                Device (FPU)
                {
                    Name (_HID, EisaId ("PNP0C04"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0xF0, 0xF0, 1, 16)
                        IRQNoFlags () { 13 }
                    })
                }
                Device (SPKR)
                {
                    Name (_HID, EisaId ("PNP0800"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x61, 0x61, 1, 1)
                    })
                }
                Device (KBD)
                {
                    Name (_HID, EisaId ("PNP0303"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x60, 0x60, 1, 1)
                        IO (Decode16, 0x64, 0x64, 1, 1)
                        IRQNoFlags () { 1 }
                    })
                }
                Device (MOU)
                {
                    Name (_HID, EisaId ("PNP0F13"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IRQNoFlags () { 12 }
                    })
                }
                Device (FDC0)
                {
                    Name (_HID, EisaId ("PNP0700"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x3F2, 0x3F2, 1, 4)
                        IO (Decode16, 0x3F7, 0x3F7, 1, 1)
                        IRQNoFlags () { 6 }
                        DMA (Compatibility, NotBusMaster, Transfer8) { 2 }
                    })
                }
                Device (LPT1)
                {
                    Name (_HID, EisaId ("PNP0400"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x378, 0x378, 1, 8)
                        IRQNoFlags () { 7 }
                    })
                }
                #define SERIAL(NAM, UID, BIT, PORT, IRQN) \
                    Device (NAM) \
                    { \
                        Name (_HID, EisaId ("PNP0501")) \
                        Name (_UID, UID) \
                        Name (_CRS, ResourceTemplate () \
                        { \
                            IO (Decode16, PORT, PORT, 1, 8) \
                            IRQNoFlags () { IRQN } \
                        }) \
                        Method (_STA, 0) \
                        { \
                            If (And (COMS, BIT)) { Return (0x0F) } \
                            Return (0) \
                        } \
                    }
                SERIAL (COM1, 1, 1, 0x3F8, 4)
                SERIAL (COM2, 2, 2, 0x2F8, 3)
                SERIAL (COM3, 3, 4, 0x3E8, 4)
                SERIAL (COM4, 4, 8, 0x2E8, 3)
                Device (FWCF)
                {
                    Name (_HID, "QEMU0002")
                    Name (_STA, 0x0B)
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x510, 0x510, 1, 12)
                    })
                }
                Device (PEVT)
                {
                    Name (_HID, "QEMU0001")
                    Name (_STA, 0x0B)
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x505, 0x505, 1, 1)
                    })
                }
                /* What no driver claims and no card may get. */
                Device (MBRD)
                {
                    Name (_HID, EisaId ("PNP0C02"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x92, 0x92, 1, 1)
                        IO (Decode16, 0xB2, 0xB2, 1, 2)
                        IO (Decode16, 0x600, 0x600, 1, 64)
                        IO (Decode16, 0x700, 0x700, 1, 16)
                        Memory32Fixed (ReadWrite, 0xFEC00000, 0x1000)
                        Memory32Fixed (ReadWrite, 0xFEE00000, 0x1000)
                    })
                }
            }
        }

        /* A link is a steering register of the PIIX3: bit 7 off, 3:0 the interrupt. The same
         * numbers hold for PICs and IOAPIC. */
        #define LINK(NAM, UID, REG) \
            Device (NAM) \
            { \
                Name (_HID, EisaId ("PNP0C0F")) \
                Name (_UID, UID) \
                Name (_PRS, ResourceTemplate () \
                { \
                    Interrupt (ResourceConsumer, Level, ActiveHigh, Shared) { 5, 10, 11 } \
                }) \
                Name (CUR, ResourceTemplate () \
                { \
                    Interrupt (ResourceConsumer, Level, ActiveHigh, Shared) { 0 } \
                }) \
                Method (_STA, 0) \
                { \
                    If (And (REG, 0x80)) { Return (0x09) } \
                    Return (0x0B) \
                } \
                Method (_DIS, 0) \
                { \
                    Or (REG, 0x80, REG) \
                } \
                Method (_CRS, 0, Serialized) \
                { \
                    CreateDWordField (CUR, 5, CURI) \
                    If (And (REG, 0x80)) { Store (0, CURI) } \
                    Else { And (REG, 0x0F, CURI) } \
                    Return (CUR) \
                } \
                Method (_SRS, 1) \
                { \
                    CreateDWordField (Arg0, 5, NEWI) \
                    Store (NEWI, REG) \
                } \
            }
        LINK (LNKA, 0, \_SB.PCI0.ISA.PRQA)
        LINK (LNKB, 1, \_SB.PCI0.ISA.PRQB)
        LINK (LNKC, 2, \_SB.PCI0.ISA.PRQC)
        LINK (LNKD, 3, \_SB.PCI0.ISA.PRQD)

        Device (HPET)
        {
            Name (_HID, EisaId ("PNP0103"))
            Name (_UID, 0)
            Name (_CRS, ResourceTemplate ()
            {
                Memory32Fixed (ReadOnly, 0xFED00000, 0x400)
            })
        }
    }
}
