#include "core/error.h"
#include "devices/image_create.h"
#include "devices/image_formats.h"
namespace r86 {
std::unique_ptr<BlockImage> open_vhd(std::unique_ptr<HostFile> file, bool, ImageNeighbours&) {
    throw UserError("image '" + file->path() + "': the format vhd is not available yet; convert it to raw");
}
std::unique_ptr<BlockImage> open_vmdk(std::unique_ptr<HostFile> file, bool, ImageNeighbours&) {
    throw UserError("image '" + file->path() + "': the format vmdk is not available yet; convert it to raw");
}
void create_vhd(HostFile&, const ImageRecipe&) { throw UserError("vhd is not available yet"); }
void create_vmdk(HostFile&, const ImageRecipe&) { throw UserError("vmdk is not available yet"); }
} // namespace r86
