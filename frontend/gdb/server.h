#pragma once
/// The GDB server: the machine waits for a debugger, which runs it forwards and backwards. `monitor WORD` takes the
/// words of session scripts that look or travel. Nothing in the guest changes through breakpoints.
/// `monitor catch in PORT|out PORT|exception VECTOR|clear` stops there as well; `monitor step-over-interrupts on` makes
/// a step that meets an interrupt run to the handler's end; `monitor linear SEG:OFF` tells a linear address.
#include "frontend/gdb/connection.h"
#include "frontend/session.h"
#include "frontend/time_travel.h"
#include "machine/probe.h"

namespace r86::gdb {

class Server {
public:
    Server(Session& session, const Address& address);
    /// Until the session ends.
    void serve();

private:
    struct Watch {
        char kind; ///< '2' write, '3' read, '4' both
        u64 address;
        u64 length;
    };
    bool handle(const std::string& packet); ///< false: detached
    void query(const std::string& packet);
    void monitor(const std::string& line);
    /// The server's own words; false if the line is none of them.
    bool own_word(const std::string& line, std::vector<std::string>& answer);
    std::string catch_word(const std::string& kind, const std::string& number);
    void forget_points();
    bool finish_interrupt(u64 linear, u64 stack);
    void tell_catch(const std::optional<Probe::Hit>& hit);
    void read_memory(const std::string& arguments);
    void write_memory(const std::string& arguments);
    void read_registers();
    void write_register(const std::string& arguments);
    bool point(const std::string& packet);
    Probe::What what() const;
    void resume();
    void step();
    class Searching;
    bool goes_on(double done, Patience& patience);
    void reverse_resume();
    void reverse_step();
    void stopped(const std::string& more = "");
    std::string watch_text(const std::optional<Probe::Hit>& hit) const;

    Session& session_;
    Machine& machine_;
    Connection connection_;
    std::vector<u64> breakpoints_;
    std::vector<Watch> watches_;
    Probe::What catches_; ///< ports and vectors
    bool over_interrupts_ = false;
};

} // namespace r86::gdb
